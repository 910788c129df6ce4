"""The inference form computes the same function as the networks it was made from."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.model_folder import load_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.models.face_parsing import one_hot_from_logits, parsing_map
from psfr_tf.models.inference_form import inference_form, one_hot_without_comparison


def smooth_faces(size, count=2):
    rng = np.random.default_rng(1)
    small = rng.uniform(-1, 1, (count, 8, 8, 3)).astype(np.float32)
    return np.asarray(keras.ops.image.resize(small, (size, size)))


def run(network, inputs):
    """As a graph: Keras by itself keeps every activation to the end, 4 GB of them at 512 px."""
    return tf.function(network, autograph=False)(inputs, training=False)


def check_equal(generator, parsing, count):
    form = inference_form(generator, parsing)
    lq = smooth_faces(generator.image_size, count)

    logits = np.asarray(run(parsing, lq)["logits"])
    fast_logits = np.asarray(run(form.parsing_network, lq))
    np.testing.assert_allclose(fast_logits, logits, atol=1e-5 * np.abs(logits).max())
    # Labels may differ only where the best two logits are equal to rounding.
    best_two = np.sort(logits, axis=-1)[..., -2:]
    clear = best_two[..., 1] - best_two[..., 0] > 1e-3
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(fast_logits.argmax(-1)[clear], logits.argmax(-1)[clear])

    expected_map = np.asarray(parsing_map(logits, generator.soft_parsing))
    restored = np.asarray(run(generator, [lq, expected_map]))
    assert restored.std() > 0.01
    close = {"rtol": 1e-5, "atol": 1e-4}
    np.testing.assert_allclose(run(form.generator, [lq, expected_map]), restored, **close)

    together = run(form.restorer, lq)
    np.testing.assert_allclose(together["logits"], fast_logits, atol=1e-5)
    if generator.soft_parsing:
        used_map = np.asarray(parsing_map(fast_logits, soft=True))
    else:
        used_map = np.asarray(one_hot_without_comparison(fast_logits))
    expected = run(form.generator, [lq, used_map])
    np.testing.assert_allclose(together["restored"], expected, **close)


def test_test_preset(random_networks):
    check_equal(*random_networks("psfr-test-64"), count=3)


def test_soft_parsing(random_networks):
    generator, parsing = random_networks("psfr-test-64")
    soft = Generator(**{**generator.get_config(), "soft_parsing": True})
    soft.set_weights(generator.get_weights())
    check_equal(soft, parsing, count=3)
    lq = smooth_faces(64)
    hard = inference_form(generator, parsing).restorer(lq)["restored"]
    assert np.abs(hard - inference_form(soft, parsing).restorer(lq)["restored"]).max() > 0.01


def test_noise(random_networks):
    generator, parsing = random_networks("psfr-test-64")
    noisy = Generator(**{**generator.get_config(), "noise": True})
    (noise,) = noisy.reference_pyramid.weights
    assert noise.shape == (1, 64, 64, 1) and not noise.trainable
    assert np.abs(noise).max() <= 1 and np.std(noise) > 0.3
    check_equal(noisy, parsing, count=3)
    lq = smooth_faces(64)
    before = run(inference_form(noisy, parsing).restorer, lq)["restored"]
    noise.assign(np.zeros(noise.shape))
    check_equal(noisy, parsing, count=3)
    after = run(inference_form(noisy, parsing).restorer, lq)["restored"]
    assert np.abs(before - after).max() > 0.01


def test_parsing_map():
    logits = np.log(np.array([[[[0.2, 0.5, 0.3]]]], np.float32))
    np.testing.assert_allclose(parsing_map(logits, soft=True), [[[[0.2, 0.5, 0.3]]]], rtol=1e-6)
    np.testing.assert_array_equal(parsing_map(logits, soft=False), [[[[0, 1, 0]]]])


@pytest.mark.slow
def test_shipped_mobile_model():
    folder = load_model_folder("psfr-mobile-256")
    check_equal(folder.generator, folder.parsing_network, count=2)


@pytest.mark.slow
def test_psfrgan_512(random_networks):
    check_equal(*random_networks("psfrgan-512"), count=1)


def test_weights_are_copied(random_networks):
    generator, parsing = random_networks("psfr-test-64")
    form = inference_form(generator, parsing)
    own = {id(weight) for weight in form.restorer.weights}
    assert not own & {id(weight) for weight in generator.weights + parsing.weights}


def test_bfloat16_is_near(random_networks):
    """Far enough to be bfloat16, near enough to be the same function."""
    generator, parsing = random_networks("psfr-test-64")
    exact = inference_form(generator, parsing)
    near = inference_form(generator, parsing, "bfloat16")
    lq = smooth_faces(64)
    logits = np.asarray(run(exact.parsing_network, lq))
    one_hot = np.eye(NUM_CLASSES, dtype=np.float32)[logits.argmax(-1)]
    for outputs, others in (
        (logits, run(near.parsing_network, lq)),
        (run(exact.generator, [lq, one_hot]), run(near.generator, [lq, one_hot])),
    ):
        assert others.dtype == np.float32
        error = np.abs(np.asarray(others) - outputs).max() / np.abs(outputs).max()
        assert 1e-5 < error < 0.1
    kinds = {weight.dtype for weight in near.generator.weights + near.parsing_network.weights}
    assert kinds == {"bfloat16", "float32"}


def test_one_hot_without_comparison():
    logits = np.random.default_rng(0).normal(size=(1, 8, 8, 19)).astype(np.float32)
    np.testing.assert_array_equal(one_hot_without_comparison(logits), one_hot_from_logits(logits))


def test_networks_of_two_sizes_are_refused():
    other = FaceParsingNetwork(image_size=32, encoder_channels=[4, 4], num_residual_blocks=1)
    with pytest.raises(ValueError, match="64 and 32"):
        inference_form(Generator.from_preset("psfr-test-64", load_weights=False), other)


def test_light_normalization_and_damage_gate(random_networks):
    generator, parsing = random_networks("psfr-test-64")
    options = {"add_input": True, "light_normalization": True, "damage_gate": True}
    gated = Generator(**{**generator.get_config(), **options})
    rng = np.random.default_rng(2)
    # The convolutions that start at zero, and the biases.
    gated.set_weights([w if w.any() else rng.normal(0, 0.05, w.shape) for w in gated.get_weights()])
    lit = FaceParsingNetwork(**{**parsing.get_config(), "light_normalization": True})
    lit.set_weights(parsing.get_weights())
    check_equal(gated, lit, count=2)
