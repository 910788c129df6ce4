"""The 36 features of NIQE: statistics of locally normalized brightness.

Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE Signal
Processing Letters 20(3), 2013, section II.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from scipy.special import gamma

BLOCK = 96  # side of a block in pixels; half of it at the second scale
FEATURES = 36
# MATLAB's rgb2gray: the luma of BT.601 from the inverse of the NTSC matrix.
GRAY = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
WINDOW, SIGMA = 7, 7.0 / 6.0
# Neighbor of each product: right, below, below right, below left.
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
_SHAPES = np.arange(0.2, 10.0005, 0.001)
_RATIOS = gamma(2.0 / _SHAPES) ** 2 / (gamma(1.0 / _SHAPES) * gamma(3.0 / _SHAPES))
# Keys' cubic (a = -0.5) stretched to twice its width, at the distances 3.5, 2.5, ..., 3.5.
_HALVING = np.array([-0.01171875, -0.03515625, 0.11328125, 0.43359375])
_HALVING = np.concatenate([_HALVING, _HALVING[::-1]])


def block_features(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and sharpness of each block.

    The picture is turned gray (BT.601 luma, rounded), cut to whole blocks of 96x96 from its upper
    left corner and described at two scales, the second half as large.

    Args:
        image: uint8 RGB [H, W, 3], at least 96x96.

    Returns:
        float64 [blocks, 36], NaN where a block is flat; float64 [blocks], the mean local standard
        deviation, by which the sharp blocks of pristine pictures are chosen.

    Raises:
        ValueError: if the picture is smaller than one block.
    """
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    if not rows or not columns:
        raise ValueError(
            f"NIQE needs at least {BLOCK}x{BLOCK} pixels. Received: {image.shape[1::-1]}"
        )
    cut = image[: rows * BLOCK, : columns * BLOCK].astype(np.float64)
    gray = np.floor(cut @ GRAY + 0.5)
    features, sharpness = [], np.empty(0)
    for side in (BLOCK, BLOCK // 2):
        normalized, deviation = normalize(gray)
        features.append(np.array([describe(block) for block in _blocks(normalized, side)]))
        if side == BLOCK:
            sharpness = np.array([block.mean() for block in _blocks(deviation, side)])
            gray = halve(gray)
    return np.concatenate(features, axis=1), sharpness


def normalize(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local normalization (eq. 1 to 3): (I - mu) / (sigma + 1), and sigma.

    Gaussian window 7x7 of sigma 7/6; the border is replicated.
    """
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)

    def local_mean(x: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(x, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)

    mean = local_mean(gray)
    deviation = np.sqrt(np.abs(local_mean(gray * gray) - mean * mean))
    return (gray - mean) / (deviation + 1.0), deviation


def describe(block: np.ndarray) -> list[float]:
    """18 features of a block: of its values, and of its products with four neighbors.

    Neighbors wrap around inside the block, as in the authors' code.
    """
    shape, left, right = fit_aggd(block)
    features = [shape, (left + right) / 2.0]
    for shift in SHIFTS:
        shape, left, right = fit_aggd(block * np.roll(block, shift, axis=(0, 1)))
        mean = (right - left) * gamma(2.0 / shape) / gamma(1.0 / shape)
        features += [shape, mean, left, right]
    return features


def fit_aggd(values: np.ndarray) -> tuple[float, float, float]:
    """Shape and the two widths of an asymmetric generalized Gaussian (eq. 5), by moments.

    The shape is the nearest of 0.2, 0.201, ..., 10. NaN where one side has no values.
    """
    negative, positive = values[values < 0], values[values > 0]
    if not negative.size or not positive.size:
        return np.nan, np.nan, np.nan
    left = np.sqrt(np.mean(negative**2))
    right = np.sqrt(np.mean(positive**2))
    ratio = left / right
    moments = np.mean(np.abs(values)) ** 2 / np.mean(values**2)
    moments *= (ratio**3 + 1.0) * (ratio + 1.0) / (ratio**2 + 1.0) ** 2
    shape = _SHAPES[np.argmin((_RATIOS - moments) ** 2)]
    width = np.sqrt(gamma(1.0 / shape) / gamma(3.0 / shape))
    return float(shape), float(left * width), float(right * width)


def halve(gray: np.ndarray) -> np.ndarray:
    """MATLAB's `imresize(gray, 0.5)`: cubic, antialiased, symmetric border; even sides."""
    for axis in (0, 1):
        padding = [(3, 4) if axis == k else (0, 0) for k in (0, 1)]
        padded = np.moveaxis(np.pad(gray, padding, mode="symmetric"), axis, 0)
        count = gray.shape[axis]
        gray = sum(w * padded[k : k + count : 2] for k, w in enumerate(_HALVING))
        gray = np.moveaxis(gray, 0, axis)
    return np.ascontiguousarray(gray)


def _blocks(image: np.ndarray, side: int) -> Iterator[np.ndarray]:
    for y in range(0, image.shape[0], side):
        for x in range(0, image.shape[1], side):
            yield image[y : y + side, x : x + side]
