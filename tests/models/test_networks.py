"""What all networks share: presets, config, saving, batch sizes, mixed precision, size limits."""

import keras
import numpy as np
import pytest

from psfr_tf.models import PRESETS, FaceParsingNetwork, Generator, MultiScaleDiscriminator
from psfr_tf.models.face_parsing import one_hot_from_logits

NETWORKS = {
    "generator": Generator,
    "parsing": FaceParsingNetwork,
    "discriminator": MultiScaleDiscriminator,
}


def inputs(name: str, size: int, batch: int):
    rng = np.random.default_rng(0)
    lq = rng.uniform(-1, 1, (batch, size, size, 3)).astype(np.float32)
    parsing = np.eye(19, dtype=np.float32)[rng.integers(0, 19, (batch, size, size))]
    return {
        "generator": [lq, parsing],
        "parsing": lq,
        "discriminator": np.concatenate([lq, parsing], -1),
    }[name]


def flat(outputs) -> list[np.ndarray]:
    return [np.asarray(x, np.float32) for x in keras.tree.flatten(outputs)]


@pytest.mark.parametrize("name", NETWORKS)
def test_saving_and_loading_keeps_the_output(name, tmp_path):
    network = NETWORKS[name].from_preset("psfr-test-64", load_weights=False)
    network.save(tmp_path / "network.keras")
    clone = keras.models.load_model(tmp_path / "network.keras")
    assert type(clone) is type(network)
    assert clone.get_config() == network.get_config()
    x = inputs(name, 64, 1)
    for a, b in zip(flat(network(x)), flat(clone(x)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NETWORKS)
def test_images_of_a_batch_do_not_influence_each_other(name):
    network = NETWORKS[name].from_preset("psfr-test-64", load_weights=False)
    x = inputs(name, 64, 3)
    together = flat(network(x, training=False))
    alone = flat(network(keras.tree.map_structure(lambda array: array[1:2], x), training=False))
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a[1:2], b, atol=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", NETWORKS)
def test_output_shapes_are_static(name, preset):
    network = NETWORKS[name].from_preset(preset, load_weights=False)
    for shape in keras.tree.flatten(
        keras.tree.map_structure(lambda x: x.shape[1:], network.output)
    ):
        assert shape is not None


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_mixed_precision_stays_near_float32(name, policy):
    network = NETWORKS[name].from_preset("psfr-test-64", load_weights=False)
    mixed = NETWORKS[name].from_preset("psfr-test-64", load_weights=False, dtype=policy)
    mixed.set_weights(network.get_weights())
    x = inputs(name, 64, 2)
    for exact, rounded in zip(flat(network(x)), flat(mixed(x)), strict=True):
        assert np.abs(exact - rounded).mean() < 0.05 * exact.std() + 1e-3
    assert all(weight.dtype == "float32" for weight in mixed.weights)


@pytest.mark.parametrize(
    ("preset", "generator", "parsing", "discriminator"),
    [("psfrgan-512", 45.96e6, 21.30e6, 18.87e6), ("psfr-mobile-256", 1.32e6, 0.60e6, 0.50e6)],
)
def test_parameter_counts(preset, generator, parsing, discriminator):
    expected = {"generator": generator, "parsing": parsing, "discriminator": discriminator}
    for name, count in expected.items():
        network = NETWORKS[name].from_preset(preset, load_weights=False)
        actual = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
        assert actual == pytest.approx(count, rel=0.01)


def test_one_hot_from_logits():
    logits = np.random.default_rng(0).normal(size=(1, 4, 4, 19)).astype(np.float32)
    np.testing.assert_array_equal(one_hot_from_logits(logits), np.eye(19)[logits.argmax(-1)])


def test_encoder_features_are_those_of_the_network():
    network = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    features = network.encode(inputs("parsing", 64, 2))
    assert [tuple(feature.shape) for feature in features] == [
        (2, 64, 64, 8),
        (2, 32, 32, 16),
        (2, 16, 16, 16),
    ]


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match=r"sizes=\[16, 64\]"):
        Generator(64, {16: 8, 64: 8})
    with pytest.raises(ValueError, match="image_size=100"):
        FaceParsingNetwork(100)
    with pytest.raises(ValueError, match="unknown preset 'big'"):
        Generator.from_preset("big")
