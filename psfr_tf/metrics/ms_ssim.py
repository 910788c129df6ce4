"""Multi-scale structural similarity, Wang, Simoncelli and Bovik 2003."""

import cv2
import numpy as np

from psfr_tf.metrics.luma import channels
from psfr_tf.metrics.metric import ImageMetric, check_pair
from psfr_tf.metrics.ssim import K1, K2, SIGMA, WINDOW

# Table of the paper's section 3.2: exponents from the finest scale to the coarsest.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# The coarsest of five scales, halved four times with odd sides padded, must hold the window.
MINIMUM_SIDE = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1


def ms_ssim(image: np.ndarray, reference: np.ndarray, space: str = "rgb") -> float:
    """Multi-scale structural similarity of two 8-bit RGB images ("Multiscale structural
    similarity for image quality assessment", Asilomar 2003, eq. 7).

    Five scales with the paper's exponents 0.0448, 0.2856, 0.3001, 0.2363, 0.1333; contrast and
    structure at each scale, luminance at the coarsest only. At each scale the terms are those of
    SSIM (Gaussian window 11x11, sigma 1.5, inside the image, float64). Between scales the image is
    averaged over 2x2 pixels; an odd side is first extended by its last row or column. A channel's
    value is the product over scales of the mean term (below 0 counts as 0) to its exponent; the
    result is the mean of the three channels.

    Args:
        image: uint8 [H, W, 3], sides of at least 161 pixels.
        reference: uint8 [H, W, 3].
        space: "rgb", or "y" for the luma of :func:`psfr_tf.metrics.luma.channels`.

    Returns:
        The similarity in [0, 1].

    Raises:
        ValueError: if dtype or shape are not as above.
    """
    check_pair(image, reference)
    if min(image.shape[:2]) < MINIMUM_SIDE:
        raise ValueError(
            f"MS-SSIM with {len(SCALE_WEIGHTS)} scales needs sides of at least {MINIMUM_SIDE} "
            f"pixels. Received: {image.shape}"
        )
    x, y = channels(image, space), channels(reference, space)
    product = np.ones(x.shape[-1])
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            x, y = _halve(x), _halve(y)
        luminance, contrast_structure = similarity_terms(x, y)
        last = scale == len(SCALE_WEIGHTS) - 1
        term = luminance * contrast_structure if last else contrast_structure
        product *= np.maximum(term.mean(axis=(0, 1)), 0.0) ** weight
    return float(product.mean())


def similarity_terms(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The luminance term and the contrast-structure term of SSIM at every position.

    Args:
        x: float64 [H, W, C] in [0, 255].
        y: float64 [H, W, C] in [0, 255].

    Returns:
        Two float64 arrays [H - 10, W - 10, C]; their product is the SSIM map.
    """
    c1, c2 = (K1 * 255.0) ** 2, (K2 * 255.0) ** 2
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variance_sum = _window_mean(x * x) + _window_mean(y * y) - mean_x**2 - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    luminance = (2.0 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    contrast_structure = (2.0 * covariance + c2) / (variance_sum + c2)
    return luminance, contrast_structure


def _window_mean(x: np.ndarray) -> np.ndarray:
    """Gaussian-weighted mean at the positions where the window lies inside the image."""
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    margin = WINDOW // 2
    # OpenCV drops the last axis of a picture with one channel.
    mean = cv2.sepFilter2D(x, cv2.CV_64F, kernel, kernel).reshape(x.shape)
    return mean[margin:-margin, margin:-margin]


def _halve(x: np.ndarray) -> np.ndarray:
    height, width, _ = x.shape
    x = np.pad(x, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return 0.25 * (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2])


class MSSSIM(ImageMetric):
    """Multi-scale structural similarity over RGB; see :func:`ms_ssim`."""

    name, label = "ms_ssim", "MS-SSIM"
    higher_is_better = True
    minimum_side = MINIMUM_SIDE
    source = "Wang et al., Multiscale structural similarity, Asilomar 2003"
    space = "rgb"

    def _value(self, image: np.ndarray, reference: np.ndarray) -> float:
        return ms_ssim(image, reference, self.space)


class MSSSIMY(MSSSIM):
    """Multi-scale structural similarity of the luma; see :func:`ms_ssim`."""

    name, label = "ms_ssim_y", "MS-SSIM (Y)"
    space = "y"
