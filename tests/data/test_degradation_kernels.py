"""Each deterministic kernel against OpenCV, at the tolerance stated in docs/degradation.md."""

import cv2
import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

from psfr_tf.data.degradation import (
    add_noise,
    average_blur,
    gaussian_blur,
    jpeg,
    median_blur,
    motion_blur,
    motion_kernel,
    resize,
)
from psfr_tf.data.toy_faces import draw_face


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """uint8 [48, 64, 3]: a face with noise, taller than wide so that axes cannot be swapped."""
    rgb, _ = draw_face(3, 64)
    noise = np.random.default_rng(0).normal(0, 30, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)[8:56]


def as_float(picture: np.ndarray) -> tf.Tensor:
    return tf.constant(picture, tf.float32)


@pytest.mark.parametrize("sigma", [0.4, 0.75, 1.5, 3.0, 4.2, 7.5])
def test_gaussian_blur(picture, sigma):
    ours = gaussian_blur(as_float(picture), sigma).numpy()
    eight_bit = cv2.GaussianBlur(picture, (0, 0), sigma)
    assert np.abs(np.round(ours) - eight_bit).max() <= 1
    taps = int(np.round(6 * sigma + 1)) | 1
    exact = cv2.GaussianBlur(picture.astype(np.float32), (taps, taps), sigma)
    np.testing.assert_allclose(ours, exact, atol=2e-3)


@pytest.mark.parametrize("k", [1, 3, 5, 7, 15])
def test_average_blur(picture, k):
    ours = average_blur(as_float(picture), k).numpy()
    np.testing.assert_allclose(ours, cv2.blur(picture.astype(np.float32), (k, k)), atol=2e-3)


@pytest.mark.parametrize("k", [1, 3, 5, 7, 9, 11, 13, 15])
def test_median_blur_is_the_median_of_the_rows_of_the_medians_of_the_columns(picture, k):
    expected = picture
    for axis in (0, 1):
        border = [(k // 2, k // 2) if axis == i else (0, 0) for i in range(3)]
        windows = sliding_window_view(np.pad(expected, border, mode="edge"), k, axis)
        expected = np.median(windows, axis=-1).astype(np.uint8)
    np.testing.assert_array_equal(median_blur(tf.constant(picture), k), expected)


@pytest.mark.parametrize(("k", "mean", "most"), [(3, 0.8, 12), (7, 1.6, 18), (15, 2.5, 28)])
def test_median_blur_is_close_to_that_of_opencv(k, mean, most):
    """As docs/degradation.md says, on a portrait: the difference is a small part of the blur."""
    portrait = skimage.data.astronaut()[:256, 96:352]
    exact = cv2.medianBlur(portrait, k).astype(int)
    difference = np.abs(median_blur(tf.constant(portrait), k).numpy() - exact)
    assert difference.mean() < mean
    assert np.percentile(difference, 99) <= most
    assert difference.mean() < 0.27 * np.abs(portrait - exact).mean()


@pytest.mark.parametrize(("k", "angle"), [(3, 0.0), (5, 30.0), (13, 90.0), (25, 137.0)])
def test_motion_blur(picture, k, angle):
    kernel = motion_kernel(k, angle).numpy()
    expected = cv2.filter2D(picture.astype(np.float32), -1, kernel)
    ours = motion_blur(as_float(picture), k, angle).numpy()
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_motion_kernel_is_a_line_in_the_given_direction():
    np.testing.assert_allclose(motion_kernel(5, 0.0)[2], np.full(5, 0.2), atol=1e-6)
    np.testing.assert_allclose(motion_kernel(5, 90.0)[:, 2], np.full(5, 0.2), atol=1e-6)
    rising = motion_kernel(9, 45.0).numpy()  # counter-clockwise: up to the right
    assert rising[1, 7] > 0.05 and rising[7, 1] > 0.05
    assert rising[1, 1] == 0.0


@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0, 100.0, 179.0])
def test_motion_kernel_is_symmetric_about_its_center(angle):
    kernel = motion_kernel(11, angle).numpy()
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
    assert kernel.sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kernel", [average_blur, median_blur])
@pytest.mark.parametrize("k", [0, 4])
def test_even_kernels_are_refused(picture, kernel, k):
    with pytest.raises(ValueError, match=f"odd number of pixels.*Received: {k}"):
        kernel(tf.constant(picture), k)


@pytest.mark.parametrize(
    ("method", "flag"),
    [
        ("bilinear", cv2.INTER_LINEAR),
        ("bicubic", cv2.INTER_CUBIC),
        ("area", cv2.INTER_AREA),
    ],
)
@pytest.mark.parametrize(("height", "width"), [(48, 64), (24, 32), (12, 16), (31, 37), (17, 55)])
def test_downsampling(picture, method, flag, height, width):
    expected = cv2.resize(picture.astype(np.float32), (width, height), interpolation=flag)
    ours = resize(as_float(picture), height, width, method).numpy()
    np.testing.assert_allclose(ours, expected, atol=0.02)


def test_upsampling_is_bicubic(picture):
    small = picture[:20, :24].astype(np.float32)
    expected = cv2.resize(small, (64, 50), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(resize(small, 50, 64, "bicubic"), expected, atol=0.02)


def test_nearest_takes_the_nearest_pixel(picture):
    ours = resize(as_float(picture[:45, :63]), 15, 9, "nearest").numpy()
    np.testing.assert_array_equal(ours, picture[1:45:3, 3:63:7])


def test_nearest_averages_two_equally_near_pixels(picture):
    column = picture[:, :1].astype(np.float32)
    ours = resize(column, 12, 1, "nearest").numpy()
    np.testing.assert_array_equal(ours, (column[1::4] + column[2::4]) / 2)


def test_unknown_method_is_refused(picture):
    with pytest.raises(ValueError, match=r"nearest, bilinear, bicubic, area.*'lanczos'"):
        resize(as_float(picture), 8, 8, "lanczos")


@pytest.mark.parametrize("quality", [35, 50, 75, 90])
def test_jpeg(picture, quality):
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, encoded = cv2.imencode(".jpg", picture[:, :, ::-1], flags)
    expected = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[:, :, ::-1].astype(np.float32)
    ours = jpeg(as_float(picture), quality).numpy()
    assert np.abs(ours - expected).max() <= 2
    assert np.abs(ours - picture).max() > 2  # it did compress


def test_noise_has_the_given_strength_and_is_equal_in_all_channels_only_when_asked():
    image, seed = tf.fill([96, 80, 3], 128.0), tf.constant([1, 2])
    colored = add_noise(image, 20.0, True, seed).numpy() - 128.0
    plain = add_noise(image, 20.0, False, seed).numpy() - 128.0
    assert colored.std() == pytest.approx(20.0, rel=0.02)
    assert plain.std() == pytest.approx(20.0, rel=0.03)
    assert abs(colored.mean()) < 0.5
    assert abs(np.corrcoef(colored[..., 0].ravel(), colored[..., 1].ravel())[0, 1]) < 0.05
    np.testing.assert_array_equal(plain[..., 0], plain[..., 2])


def test_noise_is_added_in_8_bits():
    image, seed = tf.random.uniform([64, 64, 3], 0.0, 255.0, seed=0), tf.constant([3, 4])
    noise = 40.0 * tf.random.stateless_normal([64, 64, 3], seed, alg="philox")
    expected = np.clip(np.round(image + noise), 0.0, 255.0)
    assert {0.0, 255.0} <= set(expected.ravel())
    np.testing.assert_array_equal(add_noise(image, 40.0, True, seed), expected)
