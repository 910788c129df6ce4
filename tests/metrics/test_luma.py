"""The Y channel, and PSNR, SSIM and MS-SSIM on it against other implementations."""

import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from psfr_tf.metrics import MSSSIMY, PSNRY, SSIMY, ms_ssim, psnr, ssim
from psfr_tf.metrics.luma import channels


@pytest.fixture(scope="module")
def pair():
    reference = astronaut()[:176, 100:300]
    noise = np.random.default_rng(0).normal(0, 15, reference.shape)
    return np.clip(reference + noise, 0, 255).astype(np.uint8), reference


def test_y_is_the_first_row_of_matlabs_matrix(pair):
    for image in pair:
        expected = 16 + image @ (np.array([65.481, 128.553, 24.966]) / 255)
        np.testing.assert_allclose(channels(image, "y")[..., 0], expected, atol=1e-9)


def test_range_of_luma():
    black_white = np.array([[[0] * 3, [255] * 3]], np.uint8)
    assert channels(black_white, "y").ravel().tolist() == pytest.approx([16.0, 235.0])


def test_metrics_on_y(pair):
    import tensorflow as tf

    y, reference = (rgb2ycbcr(image)[..., 0] for image in pair)
    expected = peak_signal_noise_ratio(reference, y, data_range=255)
    assert PSNRY().compare(pair[:1], pair[1]) == pytest.approx([expected], abs=1e-9)
    assert abs(expected - psnr(*pair)) > 0.1  # noise is independent, so Y has less of it
    expected = structural_similarity(
        reference, y, gaussian_weights=True, use_sample_covariance=False, data_range=255
    )
    assert SSIMY().compare(pair[:1], pair[1]) == pytest.approx([expected], abs=1e-9)
    assert abs(expected - ssim(*pair)) > 0.001
    expected = float(tf.image.ssim_multiscale(y[..., None], reference[..., None], 255))
    assert MSSSIMY().compare(pair[:1], pair[1]) == pytest.approx([expected], abs=1e-4)
    assert abs(expected - ms_ssim(*pair)) > 0.001


def test_unknown_space(pair):
    with pytest.raises(ValueError, match="'lab'"):
        channels(pair[0], "lab")
