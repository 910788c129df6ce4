"""Losses on the features of networks that come as files."""

import keras
import numpy as np
import pytest

from psfr_tf.errors import UserError
from psfr_tf.losses import identity_loss, perceptual_loss
from psfr_tf.models.pretrained import CHIP, load_descriptor, load_features


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A network for images of any size in 0..255, as a file."""
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(8, 3, activation="relu", name="early")(x)
    x = keras.layers.Conv2D(8, 3, 2, activation="relu", name="late")(x)
    x = keras.layers.Conv2D(4, 3, name="never_run")(x)
    path = tmp_path_factory.mktemp("network") / "features.keras"
    keras.Model(images, x).save(path)
    return path


@pytest.fixture
def faces():
    return np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)


def test_perceptual_loss_is_the_mean_squared_distance_of_unit_vectors():
    rng = np.random.default_rng(1)
    fake = [rng.normal(size=(2, 4, 4, 8)), rng.normal(size=(2, 2, 2, 16))]
    real = [rng.normal(size=x.shape) for x in fake]
    expected = 0.0
    for x, y in zip(fake, real, strict=True):
        x = x / np.linalg.norm(x, axis=-1, keepdims=True)
        y = y / np.linalg.norm(y, axis=-1, keepdims=True)
        expected += np.mean(np.sum((x - y) ** 2, -1)) / 2
    assert float(perceptual_loss(fake, real)) == pytest.approx(expected, rel=1e-4)
    assert float(perceptual_loss(real, real)) == 0


def test_perceptual_loss_of_dead_features_is_finite():
    zeros = [np.zeros((1, 2, 2, 4), np.float32)]
    assert float(perceptual_loss(zeros, zeros)) == 0


def test_identity_loss():
    fake, real = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[0.0, 0.0], [0.0, 0.0]])
    assert float(identity_loss(fake, real)) == pytest.approx(2.5)


def test_features_are_those_of_the_named_layers_on_bytes_range(network, faces):
    early, late = load_features(network, ["early", "late"])(faces)
    assert early.shape == (2, 30, 30, 8) and late.shape == (2, 14, 14, 8)
    whole = keras.saving.load_model(network)
    expected = keras.Model(whole.input, whole.get_layer("early").output)((faces + 1) * 127.5)
    np.testing.assert_allclose(early, expected, atol=1e-5)


def test_a_missing_layer_or_file_is_named(network, tmp_path):
    with pytest.raises(UserError, match="no layer named nonsense"):
        load_features(network, ["early", "nonsense"])
    with pytest.raises(UserError, match=r"absent\.keras: no such file"):
        load_features(tmp_path / "absent.keras", ["early"])
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(b"no network")
    with pytest.raises(UserError, match=r"damaged\.keras: cannot be read"):
        load_descriptor(damaged)


def test_descriptor_sees_the_face_only(tmp_path, faces):
    keras.utils.set_random_seed(0)
    chips = keras.Input((24, 24, 3))
    x = keras.layers.Dense(5)(keras.layers.Flatten()(chips / 255.0))
    keras.Model(chips, x).save(tmp_path / "face.keras")
    descriptor = load_descriptor(tmp_path / "face.keras")
    expected = np.asarray(descriptor(faces))
    assert expected.shape == (2, 5)
    top, left, side = (round(length * 32 / 512) for length in CHIP)
    outside = np.ones((32, 32), bool)
    outside[top : top + side, left : left + side] = False
    changed = faces.copy()
    changed[:, outside] = 0
    np.testing.assert_allclose(descriptor(changed), expected, atol=1e-5)
    changed[:, top + 2, left + 2] += 1
    assert np.abs(np.asarray(descriptor(changed)) - expected).max() > 1e-3


def test_a_descriptor_of_any_size_is_refused(network):
    with pytest.raises(UserError, match=r"one input \[B, N, N, 3\]"):
        load_descriptor(network)
