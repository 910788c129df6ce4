import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.engines.litert import LiteRTEngine
from psfr_tf.engines.tensorflow import TensorFlowEngine
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.models.face_parsing import one_hot_from_logits

SIZE = 64


@pytest.fixture(scope="module")
def networks():
    keras.utils.set_random_seed(3)
    parsing_network = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    # Logits as far apart as a trained network's: the engines' one-hot leaves near ties open.
    logits = parsing_network.to_logits.conv
    logits.kernel.assign(1000 * logits.kernel)
    return Generator.from_preset("psfr-test-64", load_weights=False), parsing_network


@pytest.fixture(scope="module")
def lq():
    return np.random.default_rng(0).uniform(-1, 1, (3, SIZE, SIZE, 3)).astype(np.float32)


def tflite(function, path):
    """Write a LiteRT file of a function of one face."""
    spec = tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32)
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    return path


def known_function(face):
    """A restored face beyond [-1, 1], and logits whose maximum is class 7."""
    logits = tf.pad(face[..., :1] * 0 + 5.0, [[0, 0], [0, 0], [0, 0], [7, 11]])
    return {"restored": 2.0 * face, "parsing": logits}


def test_tensorflow_equals_the_networks_one_by_one(networks, lq):
    generator, parsing_network = networks
    engine = TensorFlowEngine(generator, parsing_network)
    restored, labels = engine.run(lq)
    logits = parsing_network(lq, training=False)["logits"]
    expected = generator([tf.constant(lq), one_hot_from_logits(logits)], training=False)
    np.testing.assert_allclose(restored, np.clip(expected, -1, 1), atol=1e-4)
    np.testing.assert_array_equal(labels, np.argmax(logits, axis=-1))
    assert engine.size == SIZE and restored.dtype == np.float32 and labels.dtype == np.uint8


def test_tensorflow_gives_a_generator_the_map_that_it_is_for(networks, lq):
    hard, parsing_network = networks
    soft = Generator.from_preset("psfr-test-64", load_weights=False, soft_parsing=True)
    soft.set_weights(hard.get_weights())
    parsing_network = FaceParsingNetwork.from_preset(
        "psfr-test-64", load_weights=False
    )  # unsure everywhere
    restored = TensorFlowEngine(soft, parsing_network).run(lq)[0]
    probabilities = tf.nn.softmax(parsing_network(lq, training=False)["logits"])
    expected = soft([tf.constant(lq), probabilities], training=False)
    np.testing.assert_allclose(restored, np.clip(expected, -1, 1), atol=1e-4)
    assert np.abs(restored - TensorFlowEngine(hard, parsing_network).run(lq)[0]).max() > 0.01


def test_tensorflow_takes_any_batch_without_tracing_again(networks, lq):
    engine = TensorFlowEngine(*networks)
    whole = engine.run(lq)[0]
    np.testing.assert_allclose(engine.run(lq[:1])[0], whole[:1], atol=1e-4)
    assert engine._restore.experimental_get_tracing_count() == 1


def test_tensorflow_refuses_networks_of_two_sizes(networks):
    other = FaceParsingNetwork(image_size=32, encoder_channels=[4, 4], num_residual_blocks=1)
    with pytest.raises(ValueError, match="64 and 32"):
        TensorFlowEngine(networks[0], other)


@pytest.mark.parametrize("low_memory", [False, True])
def test_litert_runs_a_file(tmp_path, lq, low_memory):
    engine = LiteRTEngine(tflite(known_function, tmp_path / "m.tflite"), low_memory=low_memory)
    restored, labels = engine.run(lq)
    np.testing.assert_allclose(restored, np.clip(2 * lq, -1, 1), atol=1e-6)
    assert engine.size == SIZE and labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.full((3, SIZE, SIZE), 7))


@pytest.mark.parametrize("low_memory", [False, True])
def test_litert_refuses_another_interface(tmp_path, low_memory):
    path = tflite(lambda face: {"restored": face}, tmp_path / "m.tflite")
    with pytest.raises(ValueError, match=r"\[1, 64, 64, 19\], are needed.*m\.tflite"):
        LiteRTEngine(path, low_memory=low_memory)


@pytest.mark.parametrize("low_memory", [False, True])
def test_litert_refuses_what_is_no_model(tmp_path, low_memory):
    with pytest.raises(FileNotFoundError, match="no such file"):
        LiteRTEngine(tmp_path / "none.tflite", low_memory=low_memory)
    (tmp_path / "bad.tflite").write_bytes(b"not a model")
    with pytest.raises(ValueError):
        LiteRTEngine(tmp_path / "bad.tflite", low_memory=low_memory)


def test_litert_does_not_need_tensorflow(tmp_path):
    path = tflite(known_function, tmp_path / "m.tflite")
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'torch'): sys.modules[name] = None\n"
        "import numpy as np\n"
        "from psfr_tf.restorer import FaceRestorer\n"
        "from psfr_tf.engines.litert import LiteRTEngine\n"
        f"restorer = FaceRestorer(LiteRTEngine({str(path)!r}))\n"
        "print(restorer.restore_aligned(np.zeros((1, 64, 64, 3), np.uint8)).shape)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "(1, 64, 64, 3)", result.stderr
