"""Peak signal-to-noise ratio."""

import math

import numpy as np

from psfr_tf.metrics.luma import channels
from psfr_tf.metrics.metric import ImageMetric, check_pair


def psnr(image: np.ndarray, reference: np.ndarray, space: str = "rgb") -> float:
    """Peak signal-to-noise ratio of two 8-bit RGB images, in dB.

    10 log10(255^2 / MSE), with one mean squared error over all pixels and the three channels
    (not the mean of three per-channel values), in float64. On Y the peak is 255 too, as in MATLAB
    and BasicSR, although Y only reaches 235.

    Args:
        image: uint8 [H, W, 3].
        reference: uint8 [H, W, 3].
        space: "rgb", or "y" for the luma of :func:`psfr_tf.metrics.luma.channels`.

    Returns:
        The ratio in dB; infinity for equal images.

    Raises:
        ValueError: if dtype or shape are not as above.
    """
    check_pair(image, reference)
    error = np.mean(np.square(channels(image, space) - channels(reference, space)))
    return math.inf if error == 0 else float(10.0 * np.log10(255.0**2 / error))


class PSNR(ImageMetric):
    """Peak signal-to-noise ratio over RGB; see :func:`psnr`."""

    name, label, unit = "psnr", "PSNR", "dB"
    higher_is_better = True
    source = "10 log10(255^2 / MSE)"
    space = "rgb"

    def _value(self, image: np.ndarray, reference: np.ndarray) -> float:
        return psnr(image, reference, self.space)


class PSNRY(PSNR):
    """Peak signal-to-noise ratio of the luma; see :func:`psnr`."""

    name, label = "psnr_y", "PSNR (Y)"
    space = "y"
