import cv2
import numpy as np
import pytest
from keras import ops
from skimage.data import astronaut

from psfr_tf.losses import texture_features, texture_loss
from psfr_tf.metrics.natural_scene_statistics import normalize

rng = np.random.default_rng(0)
LABELS = np.repeat(np.arange(2), 64)[None, :, None].repeat(128, axis=2)  # upper and lower half


def batch(pixels):
    return (np.asarray(pixels, np.float32) / 127.5 - 1.0)[None]


@pytest.fixture(scope="module")
def face():
    return cv2.resize(astronaut()[:256, 96:352], (128, 128), interpolation=cv2.INTER_AREA)


def loss(fake, real):
    return float(texture_loss(batch(fake), batch(real), LABELS))


def grainy(pixels, sigma=4.0):
    return pixels + rng.normal(0, sigma, (*pixels.shape[:2], 1))


def test_channels_are_what_their_names_say(face):
    fine, coarse = (np.asarray(each)[0] for each in texture_features(batch(face)))
    assert fine.shape == (128, 128, 18) and coarse.shape == (64, 64, 18)
    face = face.astype(np.float64)
    for features, picture in ((fine, face), (coarse, cv2.resize(face, (64, 64), None, 0, 0, 3))):
        gray = picture @ [0.299, 0.587, 0.114]
        normalized, deviation = normalize(gray)  # NIQE's, written on its own
        inside = np.s_[4:-4, 4:-4]
        neighbors = [np.roll(normalized, by, (0, 1)) for by in ((0, 1), (1, 0), (1, 1), (1, -1))]
        products = [normalized * each for each in neighbors]
        expected = [
            np.ones_like(normalized),
            normalized,
            *neighbors,
            np.abs(normalized),
            *products,
            *np.abs(products),
            0.3 * np.log(deviation + 1.0),
            0.3 * np.log(normalize(picture[..., 0] - gray)[1] + 1.0),
            0.3 * np.log(normalize(picture[..., 2] - gray)[1] + 1.0),
        ]
        for channel, values in enumerate(expected):
            np.testing.assert_allclose(
                features[..., channel][inside], values[inside], atol=0.03, err_msg=str(channel)
            )


def test_statistics_count_and_not_pixels(face):
    target = grainy(face)
    assert loss(target, target) == 0.0
    other_grain = loss(grainy(face), target)
    smooth = loss(face, target)
    assert smooth > 20 * other_grain
    assert loss(cv2.GaussianBlur(face, (0, 0), 1.5), face) > 20 * other_grain


def test_a_screen_pattern_of_the_same_strength_is_not_grain(face):
    screen = 4.0 * (-1.0) ** np.add.outer(np.arange(128), np.arange(128))[..., None]
    assert loss(face + screen, grainy(face)) > 20 * loss(grainy(face), grainy(face))


def test_colored_specks_are_not_grain(face):
    specks = rng.normal(0, 4.0, (128, 128, 1)) * [1.0, -0.299 / 0.587, 0.0]  # of equal brightness
    assert loss(grainy(face) + specks, grainy(face)) > 20 * loss(grainy(face), grainy(face))


def test_each_region_has_its_own_texture():
    flat = np.full((128, 128, 3), 128.0)
    grain = rng.normal(0, 4.0, (128, 128, 1))
    above, below = flat.copy(), flat.copy()
    above[:64] += grain[:64]
    below[64:] += grain[64:]
    swapped = loss(above, below)
    one_region = np.zeros_like(LABELS)
    together = float(texture_loss(batch(above), batch(below), one_region))
    assert swapped > 20 * together


def test_regions_count_by_their_size(face):
    labels = np.where(np.arange(128) < 32, 4, 9)[None, :, None].repeat(128, axis=2)
    fake, real = batch(cv2.GaussianBlur(face, (0, 0), 1.0)), batch(face)
    expected = 0.0
    for ours, theirs in zip(texture_features(fake), texture_features(real), strict=True):
        quarter = ours.shape[1] // 4
        for rows, share in ((np.s_[:, :quarter], 0.25), (np.s_[:, quarter:], 0.75)):
            a, b = (np.asarray(each)[rows].reshape(-1, 18) for each in (ours, theirs))
            expected += share * np.mean(((a.T @ a - b.T @ b) / len(a)) ** 2)
    assert float(texture_loss(fake, real, labels)) == pytest.approx(expected, rel=1e-4)


def test_gradient_is_finite_where_nothing_varies():
    import tensorflow as tf

    image = tf.Variable(np.zeros((1, 32, 32, 3), np.float32))
    real = rng.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        value = texture_loss(image, ops.convert_to_tensor(real), LABELS[:, ::4, ::4])
    gradient = tape.gradient(value, image)
    assert np.isfinite(gradient).all()
