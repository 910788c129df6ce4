"""Metrics inside the face."""

import math

import keras
import numpy as np
import pytest
import skimage.data
from skimage.metrics import structural_similarity

from psfr_tf.errors import UserError
from psfr_tf.labels import LABELS
from psfr_tf.losses.perceptual import perceptual_loss
from psfr_tf.metrics import psnr
from psfr_tf.metrics.face_region import FacePSNR, FaceRegion, FaceSharpness, FaceSSIM
from psfr_tf.metrics.feature_distance import IdentityDistance, PerceptualDistance


@pytest.fixture(scope="module")
def face():
    return np.ascontiguousarray(skimage.data.astronaut()[0:128, 160:288])


@pytest.fixture(scope="module")
def noisy(face):
    noise = np.random.default_rng(0).normal(0, 10, face.shape)
    return np.clip(face + noise, 0, 255).astype(np.uint8)


def region(top, bottom, label="skin"):
    labels = np.zeros((128, 128), np.uint8)
    labels[top:bottom] = LABELS.index(label)
    return FaceRegion(lambda _: labels)


def test_only_pixels_inside_count(face, noisy):
    half = np.concatenate([face[:64], noisy[64:]])
    above, below = region(0, 64), region(64, 128)
    assert FacePSNR(above).compare([half, noisy], face)[0] == math.inf
    assert FacePSNR(below).compare([half], face) == [psnr(noisy[64:], face[64:])]
    assert FaceSSIM(region(0, 58)).compare([half], face) == [1.0]
    _, similarity = structural_similarity(
        face,
        noisy,
        gaussian_weights=True,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
        full=True,
    )
    (value,) = FaceSSIM(below).compare([noisy], face)
    assert value == pytest.approx(similarity[64:].mean(), abs=1e-9)


def test_sharpness_is_a_multiple_of_the_original():
    pixels = np.random.default_rng(0).integers(60, 120, (128, 128, 1)).repeat(3, axis=-1)
    original, twice = pixels.astype(np.uint8), (2 * pixels - 60).astype(np.uint8)
    flat = np.full_like(original, 90)
    metric = FaceSharpness(region(0, 128))
    assert metric.compare([original, twice, flat], original) == pytest.approx([1, 4, 0])


@pytest.mark.parametrize("label", ["hair", "neck", "background", "l_ear"])
def test_without_a_face_nothing_is_defined(face, label):
    for metric in (FacePSNR, FaceSSIM, FaceSharpness):
        assert np.isnan(metric(region(0, 128, label)).compare([face, face], face)).all()


def test_a_picture_is_parsed_once(face, noisy):
    calls = []

    def parse(picture):
        calls.append(picture)
        return np.ones(picture.shape[:2], np.uint8)

    shared = FaceRegion(parse)
    for original in (face, noisy):
        FacePSNR(shared).compare([face], original)
        FaceSSIM(shared).compare([face], original)
    assert [id(picture) for picture in calls] == [id(face), id(noisy)]


def test_distances_on_networks(face, noisy, tmp_path):
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(4, 3, 2, activation="relu", name="tap")(x)
    keras.Model(images, x).save(tmp_path / "features.keras")
    metric = PerceptualDistance(tmp_path / "features.keras", ["tap"])
    same, other = metric.compare([face, noisy], face)
    network = keras.saving.load_model(tmp_path / "features.keras")
    maps = [network(picture[None].astype(np.float32)) for picture in (noisy, face)]
    assert same == pytest.approx(0, abs=1e-6)
    assert other == pytest.approx(float(perceptual_loss(maps[:1], maps[1:])), rel=1e-4)
    with pytest.raises(UserError, match=r"networks\.perceptual_layers: .*no layer named mixed3"):
        PerceptualDistance(tmp_path / "features.keras")

    chips = keras.Input((90, 90, 3))
    keras.Model(chips, keras.layers.GlobalAveragePooling2D()(chips)).save(tmp_path / "face.keras")
    darker = face.copy()
    darker[32:122, 19:109, 1] = 0
    same, other = IdentityDistance(tmp_path / "face.keras").compare([face, darker], face)
    assert same == 0
    assert other == pytest.approx(face[32:122, 19:109, 1].mean(), rel=1e-4)
