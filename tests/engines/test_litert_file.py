"""The LiteRT file: built-ins only, one delegate partition, the same output."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.engines.delegation import delegation
from psfr_tf.engines.litert import LiteRTEngine, interpreter_class
from psfr_tf.engines.litert_file import restorer_content
from psfr_tf.engines.tensorflow_converter import convert
from psfr_tf.layers import depth_to_space
from psfr_tf.model_folder import load_model_folder, save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.models.face_parsing import parsing_map


@pytest.fixture(scope="module")
def mobile(tmp_path_factory):
    """`psfr-mobile-256` with random weights everywhere (its last layer would start at zero)."""
    keras.utils.set_random_seed(0)
    generator = Generator.from_preset("psfr-mobile-256", load_weights=False)
    rng = np.random.default_rng(0)
    head = [rng.normal(0, 0.02, weight.shape) for weight in generator.to_rgb.get_weights()]
    generator.to_rgb.set_weights(head)
    parsing = FaceParsingNetwork.from_preset("psfr-mobile-256", load_weights=False)
    folder = save_model_folder(tmp_path_factory.mktemp("mobile"), generator, parsing)
    return load_model_folder(folder)


@pytest.fixture(scope="module")
def model_file(mobile, tmp_path_factory):
    path = tmp_path_factory.mktemp("litert") / "restorer.tflite"
    path.write_bytes(restorer_content(mobile))
    return path


@pytest.mark.slow
def test_xnnpack_takes_the_mobile_model_whole(model_file):
    interpreter = interpreter_class()(model_path=str(model_file))
    interpreter.allocate_tensors()
    assert delegation(interpreter) == (1, ["ARG_MAX", "CAST"])


@pytest.mark.slow
def test_pixels_move_by_operations_of_litert(model_file):
    """On Keras 3.12 too, where `keras.ops` has no such operations."""
    _check_operations(model_file.read_bytes())
    spec = tf.TensorSpec((1, 16, 16, 12), tf.float32, name="x")
    older = tuple(map(depth_to_space._older, ("depth_to_space", "space_to_depth")))
    _check_operations(
        convert(lambda x: {"y": older[1](older[0](x, 2) + x[:, :1, :1, :3], 2)}, [spec])
    )


def _check_operations(content):
    interpreter = interpreter_class()(model_content=content)
    names = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert {"DEPTH_TO_SPACE", "SPACE_TO_DEPTH"} <= names
    assert max(len(tensor["shape"]) for tensor in interpreter.get_tensor_details()) <= 5


@pytest.mark.slow
def test_the_gpu_delegate_would_take_the_mobile_model(model_file, capsys):
    # TensorFlow's own check of every operation and shape against the GPU delegate's rules.
    tf.lite.experimental.Analyzer.analyze(model_path=str(model_file), gpu_compatibility=True)
    assert "looks compatible with GPU delegate" in capsys.readouterr().out


@pytest.mark.slow
def test_output_equals_the_keras_networks(mobile, model_file):
    rng = np.random.default_rng(1)
    lq = rng.uniform(-1, 1, (2, 16, 16, 3)).repeat(16, 1).repeat(16, 2).astype(np.float32)
    restored, labels = LiteRTEngine(model_file).run(lq)
    logits = np.asarray(mobile.parsing_network(lq)["logits"])
    assert np.mean(labels == logits.argmax(-1)) > 0.9999
    parsing = np.asarray(parsing_map(logits, mobile.generator.soft_parsing))
    expected = np.clip(mobile.generator([lq, parsing]), -1, 1)
    assert np.abs(restored - expected).mean() < 1e-4
    again, labels_again = LiteRTEngine(model_file, low_memory=True).run(lq)
    assert (again == restored).all() and (labels_again == labels).all()


@pytest.mark.slow
def test_mobile_model_stays_in_its_budget(mobile):
    @tf.function(input_signature=[tf.TensorSpec((1, 256, 256, 3))])
    def restore(lq):
        parsing = parsing_map(mobile.parsing_network(lq)["logits"], mobile.generator.soft_parsing)
        return mobile.generator([lq, parsing])

    macs = sum(
        _macs(operation)
        for operation in restore.get_concrete_function().graph.get_operations()
        if "Conv2d" in operation.type or "Conv2D" in operation.type
    )
    assert 4e9 < macs < 6e9
    parameters = sum(
        np.prod(weight.shape)
        for weight in mobile.generator.weights + mobile.parsing_network.weights
    )
    assert parameters < 2.0e6


def _macs(convolution) -> int:
    kernel = convolution.inputs[1].shape.as_list()
    output = convolution.outputs[0].shape.as_list()
    per_pixel = int(np.prod(kernel)) if convolution.type == "Conv2D" else int(np.prod(kernel[:3]))
    return output[1] * output[2] * per_pixel


@pytest.mark.slow
def test_restorer_converts_a_folder_without_a_file_once(tmp_path, monkeypatch):
    from psfr_tf import FaceRestorer
    from psfr_tf.engines import litert_file

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    keras.utils.set_random_seed(1)
    parsing = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    parsing.to_logits.conv.kernel.assign(1000 * parsing.to_logits.conv.kernel)  # no near ties
    generator = Generator.from_preset("psfr-test-64", load_weights=False)
    faithful = Generator.from_preset("psfr-test-64", load_weights=False)
    folder = save_model_folder(tmp_path / "model", generator, parsing, faithful_generator=faithful)
    faces = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    perceptual = FaceRestorer.from_pretrained(folder, "litert", 0.0).restore_aligned(faces)
    expected = FaceRestorer.from_pretrained(folder, "tensorflow", 0.0).restore_aligned(faces)
    assert np.mean(np.abs(perceptual.astype(int) - expected) > 2) < 0.01
    shutil.rmtree(tmp_path / "cache")

    first = FaceRestorer.from_pretrained(folder, engine="litert").restore_aligned(faces)
    (cached,) = (tmp_path / "cache" / "psfr_tf").glob("*.tflite")

    monkeypatch.setattr(litert_file, "restorer_content", lambda *_: pytest.fail("converted twice"))
    second = FaceRestorer.from_pretrained(folder, engine="litert")
    np.testing.assert_array_equal(second.restore_aligned(faces), first)
    expected = FaceRestorer.from_pretrained(folder, engine="tensorflow").restore_aligned(faces)
    assert np.mean(np.abs(first.astype(int) - expected) > 2) < 0.01
    assert np.mean(np.abs(first.astype(int) - perceptual) > 2) > 0.1
    assert cached.suffix == ".tflite"
