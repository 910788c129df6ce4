"""Structural similarity, Wang, Bovik, Sheikh and Simoncelli 2004."""

import numpy as np
from skimage.metrics import structural_similarity

from psfr_tf.metrics.luma import channels
from psfr_tf.metrics.metric import ImageMetric, check_pair

WINDOW = 11  # side of the Gaussian window in pixels
SIGMA = 1.5  # of the Gaussian window, in pixels
K1, K2 = 0.01, 0.03


def ssim(image: np.ndarray, reference: np.ndarray, space: str = "rgb") -> float:
    """Structural similarity of two 8-bit RGB images ("Image Quality Assessment: From Error
    Visibility to Structural Similarity", IEEE TIP 13(4), 2004, eq. 13).

    Gaussian window 11x11, sigma 1.5, K1 = 0.01, K2 = 0.03, L = 255, weighted (biased) variances,
    float64. The map is taken where the window lies inside the image, for each of the three
    channels (or for Y alone), and averaged over positions and channels. There is no initial
    downsampling. Computed by scikit-image.

    Args:
        image: uint8 [H, W, 3], sides of at least 11 pixels.
        reference: uint8 [H, W, 3].
        space: "rgb", or "y" for the luma of :func:`psfr_tf.metrics.luma.channels`.

    Returns:
        The mean similarity, at most 1.

    Raises:
        ValueError: if dtype or shape are not as above.
    """
    check_pair(image, reference)
    if min(image.shape[:2]) < WINDOW:
        raise ValueError(
            f"SSIM needs images of at least {WINDOW}x{WINDOW} pixels. Received: {image.shape}"
        )
    return float(similarity(image, reference, space)[0])


def similarity(image: np.ndarray, reference: np.ndarray, space: str) -> tuple[float, np.ndarray]:
    """The mean of `ssim`, and its map [H, W, C]; arguments as there."""
    return structural_similarity(
        channels(reference, space),
        channels(image, space),
        gaussian_weights=True,
        sigma=SIGMA,
        use_sample_covariance=False,
        K1=K1,
        K2=K2,
        data_range=255.0,
        channel_axis=-1,
        full=True,
    )


class SSIM(ImageMetric):
    """Structural similarity over RGB; see :func:`ssim`."""

    name, label = "ssim", "SSIM"
    higher_is_better = True
    minimum_side = WINDOW
    source = "Wang et al., Image Quality Assessment, IEEE TIP 2004"
    space = "rgb"

    def _value(self, image: np.ndarray, reference: np.ndarray) -> float:
        return ssim(image, reference, self.space)


class SSIMY(SSIM):
    """Structural similarity of the luma; see :func:`ssim`."""

    name, label = "ssim_y", "SSIM (Y)"
    space = "y"
