import keras
import numpy as np
import pytest

from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.training.weight_average import WeightAverage


def test_half_life_is_in_images():
    network = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    average = WeightAverage(network, half_life=32)
    kernel = next(weight for weight in network.weights if weight.name == "kernel")
    index = network.weights.index(kernel)
    before = kernel.numpy().copy()
    kernel.assign_add(np.ones(kernel.shape))
    for _ in range(4):  # 32 images in batches of 8, far beyond the ramp-up
        average.update(8, 1_000_000)
    moved = average.network.get_weights()[index] - before
    np.testing.assert_allclose(moved, 0.5, rtol=1e-4)


def test_early_steps_follow_the_source():
    network = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    average = WeightAverage(network, half_life=1e6)
    kernel = network.trainable_weights[0]
    index = network.weights.index(kernel)
    kernel.assign_add(np.ones(kernel.shape))
    average.update(8, 8)  # ramp-up: half-life 0.4 images
    np.testing.assert_allclose(average.network.weights[index], kernel, atol=1e-4)


def test_power_iteration_vectors_are_copied_and_batch_norm_is_averaged():
    generator = Generator.from_preset("psfr-test-64", load_weights=False)
    average = WeightAverage(generator, half_life=100)
    generator([np.zeros((1, 64, 64, 3)), np.zeros((1, 64, 64, 19))], training=True)
    average.update(1, 1_000_000)
    for ours, theirs in zip(average.network.weights, generator.weights, strict=True):
        if theirs.name in ("u", "v"):
            np.testing.assert_array_equal(ours, theirs)

    network = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    average = WeightAverage(network, half_life=1)
    index = next(i for i, weight in enumerate(network.weights) if weight.name == "moving_mean")
    network.weights[index].assign(np.ones(network.weights[index].shape))
    average.update(1, 1_000_000)
    np.testing.assert_allclose(average.network.weights[index], 0.5, rtol=1e-5)


def test_source_stays_trainable_and_independent():
    network = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    average = WeightAverage(network, half_life=10)
    assert network.trainable_weights and not average.network.trainable_weights
    assert isinstance(average.network, keras.Model) and average.network is not network


def test_half_life_must_be_positive():
    with pytest.raises(ValueError, match="half_life"):
        WeightAverage(FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False), 0)
