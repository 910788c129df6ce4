"""The LiteRT files of the shipped weights: quick to load, right at every operating point."""

import numpy as np
import pytest

from psfr_tf import model_folder
from psfr_tf.engines import ready_files
from psfr_tf.engines.tensorflow import TensorFlowEngine
from psfr_tf.errors import UserError
from psfr_tf.model_folder import SHIPPED_WEIGHTS, load_model_folder
from psfr_tf.restorer import FaceRestorer

NAME = "psfr-mobile-256"
PATH = SHIPPED_WEIGHTS / NAME


@pytest.fixture(scope="module")
def faces():
    from skimage import data

    from psfr_tf.pictures import normalize, resize_face

    face = data.astronaut()[:220, 120:340]
    return normalize(np.stack([resize_face(face, 256), resize_face(face[::5, ::5], 256)]))


def psnr(one, other):
    return 10 * np.log10(4 / np.mean((one - other) ** 2))


@pytest.mark.parametrize(
    "fidelity, precision, least",
    [(None, "int8-dynamic", 40), (None, "float16", 60), (0.0, "float16", 60), (0.8, None, 60)],
)
def test_equals_the_keras_networks(faces, fidelity, precision, least):
    restorer = FaceRestorer.from_pretrained(NAME, fidelity=fidelity, precision=precision)
    assert restorer.engine.name == "litert"
    folder = load_model_folder(NAME, fidelity)
    expected, _ = TensorFlowEngine(folder.generator, folder.parsing_network).run(faces)
    restored, _ = restorer.engine.run(faces)
    for one, other in zip(restored, expected, strict=True):
        assert psnr(one, other) >= least


def test_the_fastest_that_can_be_had():
    assert ready_files.ready_precision(PATH, None) == "int8-dynamic"
    assert ready_files.ready_precision(PATH, 0.9) == "float16"
    assert ready_files.ready_precision(PATH, 0.9, "int8-dynamic") is None
    assert ready_files.ready_precision(PATH, None, "float32") is None


def test_one_file_is_a_model(faces, tmp_path):
    path = tmp_path / "mine.tflite"
    path.write_bytes((PATH / "restorer_float16.tflite").read_bytes())
    restorer = FaceRestorer.from_pretrained(path)
    expected, _ = FaceRestorer.from_pretrained(NAME, precision="float16").engine.run(faces)
    np.testing.assert_array_equal(restorer.engine.run(faces)[0], expected)
    with pytest.raises(UserError, match="one fidelity, precision and engine"):
        FaceRestorer.from_pretrained(path, fidelity=0.5)
    path.write_bytes(b"no model")
    with pytest.raises(UserError, match=r"mine\.tflite: not a usable LiteRT file"):
        FaceRestorer.from_pretrained(path)


def test_files_of_other_networks_are_not_combined():
    one, other = (
        (PATH / f"restorer_{name}.tflite").read_bytes() for name in ("float16", "int8-dynamic")
    )
    with pytest.raises(ValueError, match="different networks"):
        ready_files.combined(one, other, 0.5, 0.5)


def test_new_weights_leave_no_old_files(tmp_path):
    folder = load_model_folder(NAME)
    target = model_folder.save_model_folder(tmp_path, folder.generator, folder.parsing_network)
    (tmp_path / "restorer_float16.tflite").write_bytes(b"of these weights")
    model_folder.record_hashes(target, ["restorer_float16.tflite"])
    model_folder.save_model_folder(tmp_path, folder.generator, folder.parsing_network)
    assert not list(tmp_path.glob("*.tflite"))
