"""PSNR, SSIM and MS-SSIM against other implementations, and what all metrics share."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from psfr_tf.metrics import MSSSIM, PSNR, SSIM, ms_ssim, psnr, ssim
from psfr_tf.metrics.ms_ssim import MINIMUM_SIDE, similarity_terms


def picture_pair(height, width, noise=12.0, seed=0):
    """A smooth random color picture and a noisy, darker copy of it, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 32.0
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(-3, 3, (3, 3))]
    reference = 127.5 + 100.0 * np.stack(waves, axis=-1)
    image = 0.9 * reference + rng.normal(0.0, noise, reference.shape)
    return tuple(np.clip(a, 0, 255).round().astype(np.uint8) for a in (image, reference))


@pytest.mark.parametrize("noise", [2.0, 25.0])
def test_psnr_equals_scikit_image(noise):
    image, reference = picture_pair(40, 56, noise)
    expected = peak_signal_noise_ratio(reference, image, data_range=255)
    assert psnr(image, reference) == pytest.approx(expected, abs=1e-9)


def test_psnr_of_a_known_error():
    reference = np.full((4, 4, 3), 100, np.uint8)
    assert psnr(reference + 10, reference) == pytest.approx(20 * math.log10(25.5))
    assert psnr(reference - 10, reference) == pytest.approx(20 * math.log10(25.5))
    assert psnr(reference, reference) == math.inf


@pytest.mark.parametrize("noise", [2.0, 25.0])
def test_ssim_equals_scikit_image_and_tensorflow(noise):
    import tensorflow as tf

    image, reference = picture_pair(64, 80, noise)
    value = ssim(image, reference)
    expected = structural_similarity(
        image,
        reference,
        win_size=11,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
    )
    assert value == pytest.approx(expected, abs=1e-9)
    # TensorFlow computes in float32.
    assert value == pytest.approx(float(tf.image.ssim(image, reference, 255)), abs=1e-4)
    assert 0.1 < value < 0.99


def test_terms_of_ms_ssim_multiply_to_ssim():
    image, reference = picture_pair(48, 64)
    luminance, contrast_structure = similarity_terms(
        image.astype(np.float64), reference.astype(np.float64)
    )
    assert luminance.shape == (38, 54, 3)
    mean = (luminance * contrast_structure).mean()
    assert mean == pytest.approx(ssim(image, reference), abs=1e-9)


# Odd sides exercise the padding before each halving; 161 is the smallest side allowed.
@pytest.mark.parametrize("shape", [(192, 208), (161, 167)])
@pytest.mark.parametrize("noise", [2.0, 40.0])
def test_ms_ssim_equals_tensorflow(shape, noise):
    import tensorflow as tf

    image, reference = picture_pair(*shape, noise)
    expected = float(tf.image.ssim_multiscale(image, reference, 255))
    assert ms_ssim(image, reference) == pytest.approx(expected, abs=1e-4)


def test_ms_ssim_of_equal_and_of_inverted_images():
    image, _ = picture_pair(176, 176)
    assert ms_ssim(image, image) == pytest.approx(1.0, abs=1e-12)
    # Inverted structure has negative terms, which count as zero rather than giving NaN.
    assert ms_ssim(255 - image, image) == 0.0


def test_limits_of_size():
    small = np.zeros((MINIMUM_SIDE - 1, MINIMUM_SIDE, 3), np.uint8)
    with pytest.raises(ValueError, match="at least 161"):
        ms_ssim(small, small)
    with pytest.raises(ValueError, match="at least 11x11"):
        ssim(small[:10], small[:10])
    # As part of an evaluation the value is undefined, and other metrics go on.
    assert all(math.isnan(value) for value in MSSSIM().compare([small, small], small))
    assert math.isnan(SSIM().compare([small[:10]], small[:10])[0])
    assert PSNR().compare([small[:10]], small[:10]) == [math.inf]


def test_compare_keeps_the_order_of_images():
    image, reference = picture_pair(32, 32)
    assert PSNR().compare([image, reference], reference) == [
        psnr(image, reference),
        math.inf,
    ]


@pytest.mark.parametrize("function", [psnr, ssim, ms_ssim])
def test_wrong_arrays_are_named(function):
    reference = np.zeros((176, 176, 3), np.uint8)
    with pytest.raises(ValueError, match="same shape"):
        function(reference[:175], reference)
    with pytest.raises(ValueError, match="float32"):
        function(reference.astype(np.float32), reference)
    with pytest.raises(ValueError, match="uint8 array of shape"):
        function(reference[..., 0], reference)
