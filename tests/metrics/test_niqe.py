"""NIQE against a second implementation, its model files and its limits."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from skimage.data import astronaut

from psfr_tf.errors import UserError
from psfr_tf.metrics.natural_scene_statistics import block_features, fit_aggd
from psfr_tf.metrics.niqe import NIQE, PristineModel, niqe


@pytest.fixture
def second(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import niqe_by_the_paper

    return niqe_by_the_paper


@pytest.fixture(scope="module")
def pristine():
    """Fitted to parts of the portrait, at many offsets of the blocks."""
    portrait = astronaut()
    return PristineModel.fit(portrait[y:, x:] for y in range(0, 90, 30) for x in range(0, 90, 22))


def damaged(image):
    noise = np.random.default_rng(0).normal(0, 20, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_features_equal_a_second_implementation(second):
    image = astronaut()[:300, 150:400]
    features, sharpness = block_features(image)
    expected, expected_sharpness = second.features(image)
    assert features.shape == expected.shape == (6, 36)
    np.testing.assert_allclose(sharpness, expected_sharpness, rtol=1e-9)
    np.testing.assert_allclose(features, expected, atol=1e-9)


def test_score_equals_a_second_implementation(second, pristine):
    portrait = astronaut()
    for image in (portrait, damaged(portrait), portrait[64:448, 64:448] // 2):
        expected = second.niqe(image, pristine.mean, pristine.covariance)
        # Where the portrait is saturated, rounding decides on which side of zero a value lies.
        assert niqe(image, pristine) == pytest.approx(expected, rel=1e-4)


def test_damage_raises_the_score(pristine):
    portrait = astronaut()
    clean, noisy = NIQE(pristine).compare([portrait, damaged(portrait)], portrait)
    assert noisy > clean + 1


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_fit_of_a_known_distribution(shape):
    from scipy.stats import gennorm

    rng = np.random.default_rng(1)
    # The two halves meet at zero if each is drawn in proportion to its width.
    sides = np.where(rng.random(200_000) < 1 / 3, -0.5, 1.0)
    values = sides * np.abs(gennorm.rvs(shape, size=sides.size, random_state=2))
    found, left, right = fit_aggd(values)
    assert found == pytest.approx(shape, rel=0.03)
    assert (left, right) == (pytest.approx(0.5, rel=0.03), pytest.approx(1.0, rel=0.03))


def test_model_files(tmp_path, pristine):
    pristine.save(tmp_path / "fitted.npz")
    savemat(
        tmp_path / "modelparameters.mat",
        {"mu_prisparam": pristine.mean[None], "cov_prisparam": pristine.covariance},
    )
    for name in ("fitted.npz", "modelparameters.mat"):
        loaded = PristineModel.load(tmp_path / name)
        np.testing.assert_array_equal(loaded.mean, pristine.mean)
        np.testing.assert_array_equal(loaded.covariance, pristine.covariance)
    savemat(tmp_path / "other.mat", {"mu": 1})
    np.savez(tmp_path / "short.npz", mu_prisparam=np.zeros(3), cov_prisparam=np.eye(3))
    (tmp_path / "damaged.mat").write_bytes(b"MATLAB")
    for name in ("other.mat", "short.npz", "damaged.mat", "absent.mat"):
        with pytest.raises(UserError, match=name):
            PristineModel.load(tmp_path / name)


def test_limits(pristine):
    portrait = astronaut()
    with pytest.raises(UserError, match="37 are needed"):
        PristineModel.fit([portrait[:200, :200]])
    with pytest.raises(ValueError, match="96x96"):
        block_features(portrait[:90])
    small = portrait[:191, :191]
    assert math.isnan(NIQE(pristine).compare([small], small)[0])
    flat = np.full((192, 192, 3), 9, np.uint8)
    assert math.isnan(niqe(flat, pristine))
