"""Whether a restored face keeps the color of its skin, over the range from dark to light."""

import math
from typing import ClassVar

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from psfr_tf.metrics.metric import ImageMetric

# Center and half axes of an ellipse on the face, as shares of the side of a picture aligned as in
# FFHQ: cheeks, nose, mouth and eyes, little hair and no background.
_CENTER = (0.5, 0.6)
_HALF_AXES = (0.2, 0.24)


def face_color(image: np.ndarray) -> np.ndarray:
    """Mean color of an aligned face.

    Args:
        image: uint8 RGB [H, W, 3], aligned as in FFHQ.

    Returns:
        CIE L*a*b* (sRGB, D65) [3], float64; L* in 0..100.
    """
    height, width = image.shape[:2]
    x = ((np.arange(width) + 0.5) / width - _CENTER[0]) / _HALF_AXES[0]
    y = ((np.arange(height) + 0.5) / height - _CENTER[1]) / _HALF_AXES[1]
    inside = y[:, None] ** 2 + x**2 < 1
    return rgb2lab(image[inside][None])[0].mean(axis=0)


class ColorDifference(ImageMetric):
    """CIEDE2000 between the mean colors of the two faces; see :func:`face_color`.

    About 1 is the least difference that is seen side by side.
    """

    name, label, unit = "color_difference", "Color difference", "ΔE00"
    minimum_side = 8
    source = "Sharma et al., The CIEDE2000 Color-Difference Formula, Color Res. Appl. 2005"
    lightness: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def _value(self, image: np.ndarray, reference: np.ndarray) -> float:
        expected = face_color(reference)
        if not self.lightness[0] <= expected[0] < self.lightness[1]:
            return math.nan
        return float(deltaE_ciede2000(expected, face_color(image)))


class ColorDifferenceDark(ColorDifference):
    """Of faces whose mean L* in the reference is below 50; NaN for others."""

    name, label = "color_difference_dark", "Color difference, L* below 50"
    lightness = (-math.inf, 50.0)


class ColorDifferenceMedium(ColorDifference):
    """Of faces whose mean L* in the reference is in 50..65; NaN for others."""

    name, label = "color_difference_medium", "Color difference, L* 50 to 65"
    lightness = (50.0, 65.0)


class ColorDifferenceLight(ColorDifference):
    """Of faces whose mean L* in the reference is 65 or more; NaN for others."""

    name, label = "color_difference_light", "Color difference, L* from 65"
    lightness = (65.0, math.inf)
