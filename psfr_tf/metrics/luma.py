"""The Y channel that restoration papers measure on."""

import numpy as np
from skimage.color import rgb2ycbcr


def channels(image: np.ndarray, space: str) -> np.ndarray:
    """The picture that a metric compares, float64.

    Y is that of BT.601 in studio swing, 16 + (65.481 R + 128.553 G + 24.966 B) / 255, as MATLAB's
    `rgb2ycbcr` on real values and BasicSR's `test_y_channel`. It is not rounded to whole numbers;
    `rgb2ycbcr` on uint8 pictures does that, which moves PSNR by a few hundredths of a decibel.

    Args:
        image: uint8 RGB [H, W, 3].
        space: "rgb" for [H, W, 3] in [0, 255], "y" for [H, W, 1] in [16, 235].

    Raises:
        ValueError: for another `space`.
    """
    if space == "rgb":
        return image.astype(np.float64)
    if space == "y":
        return rgb2ycbcr(image)[..., :1]
    raise ValueError(f'`space` must be "rgb" or "y". Received: {space!r}')
