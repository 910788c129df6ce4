"""Light normalization and the damage gate."""

import keras
import numpy as np
import pytest
from keras import ops

from psfr_tf.layers import DamageGate, light
from psfr_tf.layers.light import normalize_light
from psfr_tf.models import FaceParsingNetwork, Generator

SIZE = 64
USUAL_MEAN = light.MEAN + light.CHANNEL_MEAN
USUAL_SPREAD = light.SPREAD * light.CHANNEL_SPREAD


@pytest.fixture
def faces():
    """Two pictures whose channels have the mean and spread of the training faces."""
    rng = np.random.default_rng(0)
    small = rng.normal(size=(2, 8, 8, 3))
    pictures = np.array(ops.image.resize(small.astype(np.float32), (SIZE, SIZE)))
    pictures -= pictures.mean((1, 2), keepdims=True)
    pictures /= pictures.std((1, 2), keepdims=True)
    return (pictures * USUAL_SPREAD + USUAL_MEAN).astype(np.float32)


def exposed(faces, factor):
    return (faces + 1) * np.float32(factor) - 1


def test_usual_light_is_left_alone(faces):
    normalized, scale, shift = normalize_light(faces)
    np.testing.assert_allclose(normalized, faces, atol=1e-4)
    np.testing.assert_allclose(scale, 1, atol=1e-3)
    np.testing.assert_allclose(shift, 0, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: exposed(x, 0.1),
        lambda x: exposed(x, [0.5, 0.75, 1.0]),
        lambda x: 0.15 * x + 0.4,
        lambda x: exposed(x, 1.6),
    ],
    ids=["dark", "cast", "faded", "bright"],
)
def test_unusual_light_becomes_usual_and_goes_back(faces, change):
    changed = change(faces).astype(np.float32)
    normalized, scale, shift = (np.asarray(x) for x in normalize_light(changed))
    assert (np.abs(normalized.mean((1, 2)) - USUAL_MEAN) < 0.4).all()
    ratio = normalized.std((1, 2)) / USUAL_SPREAD
    assert (ratio > 0.5).all() and (ratio < 1.8).all()
    np.testing.assert_allclose(normalized * scale + shift, changed, atol=1e-5)


def test_a_gray_face_stays_gray(faces):
    gray = np.repeat(exposed(faces, 0.1)[..., :1], 3, axis=-1)
    normalized, scale, _ = (np.asarray(x) for x in normalize_light(gray))
    assert scale.min() < 0.3
    np.testing.assert_allclose(normalized, normalized[..., :1].repeat(3, -1), atol=1e-4)


def test_a_flat_picture_stays_finite():
    normalized, scale, _ = normalize_light(np.full((1, SIZE, SIZE, 3), -0.99, np.float32))
    assert np.isfinite(normalized).all() and (np.asarray(scale) > 0.01).all()


def generator(**options):
    keras.utils.set_random_seed(0)
    channels = {16: 8, 32: 8}
    network = Generator(SIZE, channels, 8, False, subpixel=2, add_input=True, **options)
    rng = np.random.default_rng(1)
    weights = network.get_weights()
    network.set_weights([w if w.any() else rng.normal(0, 0.05, w.shape) for w in weights])
    return network


def test_the_correction_follows_the_light_of_the_face(faces):
    """Exposure, contrast and cast outside the usual range do not change what is mended."""
    network = generator(light_normalization=True)
    parsing = np.zeros((2, SIZE, SIZE, 19), np.float32)
    # Both lie at the same corner of the usual range once normalized.
    darker, darkest = exposed(faces, 0.2), exposed(faces, 0.1)
    one = np.asarray(network([darker, parsing])) - darker
    other = np.asarray(network([darkest, parsing])) - darkest
    assert np.abs(one).mean() > 1e-3
    assert np.abs(one - 2 * other).mean() < 0.1 * np.abs(one).mean()


def test_parsing_does_not_depend_on_the_exposure(faces):
    keras.utils.set_random_seed(0)
    network = FaceParsingNetwork.from_preset(
        "psfr-test-64", load_weights=False, light_normalization=True
    )
    one, other = (network(exposed(faces, factor)) for factor in (0.2, 0.1))
    changed = np.abs(one["logits"] - other["logits"]).mean()
    assert changed < 0.05 * np.std(one["logits"])
    assert abs(np.asarray(one["image"]).mean() + 1) < abs(np.asarray(one["image"]).mean())


def test_the_gate_scales_the_correction(faces):
    network = generator(damage_gate=True)
    parsing = np.zeros((2, SIZE, SIZE, 19), np.float32)
    gate = np.asarray(network.damage_gate(faces))
    assert gate.shape == (2, SIZE, SIZE, 1) and (gate > 0).all() and (gate < 1).all()
    for weight in (network.damage_gate.to_local, network.damage_gate.to_global):
        kernel, bias = weight.get_weights()
        weight.set_weights([0 * kernel, 0 * bias - 50])
    np.testing.assert_allclose(network([faces, parsing]), faces, atol=1e-6)


def test_a_new_gate_is_nearly_open_and_keeps_its_settings(faces):
    gate = DamageGate((4, 4, 8))
    np.testing.assert_allclose(gate(faces), 1 / (1 + np.exp(-2)), atol=1e-5)
    assert DamageGate.from_config(gate.get_config()).channels == (4, 4, 8)


def test_a_generator_that_does_not_add_its_input_refuses_both():
    for option in ("light_normalization", "damage_gate"):
        with pytest.raises(ValueError, match="add_input"):
            Generator(SIZE, {32: 8, 64: 8}, 8, False, **{option: True})
