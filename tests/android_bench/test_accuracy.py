"""The reference of a file, and how far outputs are from it."""

import shutil

import numpy as np
import pytest

from psfr_tf.android_bench.accuracy import NoReference, References, accuracy, by_name, picture
from psfr_tf.android_bench.face import damaged_face
from psfr_tf.android_bench.local import LocalTarget
from psfr_tf.android_bench.model_file import Tensor, read_model_file
from psfr_tf.android_bench.plan import Case
from psfr_tf.engines.litert_metadata import add_metadata, read_metadata


@pytest.fixture(scope="module")
def references():
    return References()


def measured(folder, name, references, change=lambda output: output):
    model = read_model_file(folder / name)
    expected = references.expected(model)
    outputs = LocalTarget().output(Case(model), expected.inputs)
    return accuracy(model, [change(output) for output in outputs], expected)


def test_the_face_is_fixed():
    face = damaged_face(64)
    assert face.shape == (64, 64, 3) and face.dtype == np.uint8
    np.testing.assert_array_equal(face, damaged_face(64))
    assert face.std() > 30  # Not an empty corner of the photo.


def test_precisions_of_the_restorer(exported, references):
    folder, _ = exported
    float32 = measured(folder, "restorer_float32.tflite", references)
    dynamic = measured(folder, "restorer_int8-dynamic.tflite", references)
    assert float32.reference == "restorer_float32.tflite"
    assert float32.psnr_db > 80 and float32.psnr_db > dynamic.psnr_db > 15
    assert float32.max_error < dynamic.max_error
    assert float32.equal_labels > 0.999 and float32.equal_labels >= dynamic.equal_labels > 0.5


def test_a_disturbed_output_is_seen(exported, references):
    folder, _ = exported
    name = "restorer_float32.tflite"
    noisy = measured(folder, name, references, lambda output: output + 0.02)
    assert 35 < noisy.psnr_db < 50 and noisy.max_error == pytest.approx(0.02, rel=0.05)
    broken = measured(folder, name, references, lambda output: np.full_like(output, np.nan))
    assert broken.psnr_db < 10


def test_the_generator_gets_the_parsing_of_the_face(exported, references):
    folder, _ = exported
    model = read_model_file(folder / "generator_float32.tflite")
    expected = references.expected(model)
    face, parsing = expected.inputs
    np.testing.assert_allclose(face, damaged_face(64)[None] / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(parsing.sum(-1), 1)
    # Given the restorer's own parsing map, the generator makes the restorer's picture.
    restorer = references.expected(read_model_file(folder / "restorer_float32.tflite"))
    np.testing.assert_allclose(
        expected.outputs["restored"], restorer.outputs["restored"], atol=0.05
    )


def test_a_generator_that_takes_probabilities_gets_them(exported, references, tmp_path):
    folder, _ = exported
    for part in ("parsing", "restorer"):
        shutil.copy(folder / f"{part}_float32.tflite", tmp_path)
    content = (folder / "generator_float32.tflite").read_bytes()
    metadata = {**read_metadata(content), "parsing_input": "probabilities"}
    soft = tmp_path / "generator_float32.tflite"
    soft.write_bytes(add_metadata(content, metadata))
    one_hot = references.expected(read_model_file(folder / soft.name)).inputs[1]
    probabilities = References().expected(read_model_file(soft)).inputs[1]
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(-1), one_hot.argmax(-1))
    assert probabilities.max(-1).min() < 0.9


def test_parsing_has_labels_only(exported, references):
    folder, _ = exported
    found = measured(folder, "parsing_float16.tflite", references)
    assert found.psnr_db is None and found.equal_labels > 0.99


def test_no_reference(exported, references, tmp_path):
    folder, _ = exported
    shutil.copy(folder / "restorer_int8.tflite", tmp_path)
    with pytest.raises(NoReference, match="no fitting float32 file"):
        references.expected(read_model_file(tmp_path / "restorer_int8.tflite"))


def test_pictures_of_outputs(make_model):
    model = make_model()
    output = np.array([-2.0, -1.0, 0.0, 1.0, np.nan], np.float32)[None, None, :, None]
    pixels = picture(model.outputs, [np.repeat(output, 3, axis=-1)])
    assert pixels[0, :, 0].tolist() == [0, 0, 128, 255, 128]
    assert picture((Tensor("x", (1, 4), "float32"),), [np.zeros((1, 4))]) is None
    assert list(by_name(model, [pixels])) == ["restored"]
