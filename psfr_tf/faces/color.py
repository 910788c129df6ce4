"""Keep a face's colors: what the network may add is detail, and colors only where they are lost.

The luma of the change is applied as it is. Its chroma is limited to what is finer than the blur of
the input, because a blurred photo still has the right color of whatever is larger than its blur: an
iris, lips, skin. And where the colors of a face follow its luma, as in a sepia print or a tinted
scan, the chroma of the change follows the luma of the change in the same way; so a gray face stays
gray.
"""

import cv2
import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # Rec. 601

# Chroma coarser than this many times the input's blur is not changed.
_REACH = 1.2
# Chroma that luma does not explain, as a share of the luma's spread: below the first number a face
# is tinted, above the second it has colors of its own. JPEG leaves up to 0.1 in a sepia print; of
# 54 color portraits the palest has 0.13.
_TINTED = (0.09, 0.13)
# The part of an aligned face, as shares of its side, in which blur is measured: top, bottom, left,
# right.
_FACE = (0.25, 0.82, 0.22, 0.78)
# The gradient energy of a picture blurred by s falls as s^(-2 * 0.7).
_FALL = 0.7


def limit_chroma(difference: np.ndarray, lq: np.ndarray) -> np.ndarray:
    """Take from a change what would alter colors that the photo still has.

    Args:
        difference: float32 [S, S, 3], restored minus lq, low frequencies already removed.
        lq: float32 RGB [S, S, 3] in [0, 255], the aligned face as it is in the photo.

    Returns:
        float32 [S, S, 3] of the same luma.
    """
    lq = np.asarray(lq, dtype=np.float32)
    luma = (difference @ LUMA)[..., None]
    chroma = difference - luma
    # Not above the reach of the low frequencies that are gone already.
    sigma = float(np.clip(_REACH * blur(lq), 0.3, 0.08 * lq.shape[0]))
    chroma = chroma - cv2.GaussianBlur(chroma, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    tinted, slope = tint(lq)
    return luma + tinted * slope * luma + (1.0 - tinted) * chroma


def blur(lq: np.ndarray) -> float:
    """Blur of an aligned face: sigma of a Gaussian, in pixels, at least about 0.5.

    The larger of luma's and chroma's, which JPEG stores at half the size. A blur of 1 px more takes
    the less gradient energy the more blur there is already: with energies ~ sigma^(-2 k), k = 0.7,
    the ratio of the two gives sigma.

    Args:
        lq: float32 RGB [S, S, 3].
    """
    luma = (lq @ LUMA)[..., None]
    return max(_sigma(luma), _sigma((lq - luma)[..., [0, 2]]))


def _sigma(planes: np.ndarray) -> float:
    blurred = cv2.GaussianBlur(planes, (0, 0), 1.0).reshape(planes.shape)
    before, after = _gradient_energy(planes), _gradient_energy(blurred)
    if after < 0.01:  # flat, as the chroma of a gray face
        return 0.0
    return (max(before / after, 1.01) ** (1 / _FALL) - 1.0) ** -0.5


def _gradient_energy(planes: np.ndarray) -> float:
    size = planes.shape[0]
    top, bottom, left, right = (round(size * part) for part in _FACE)
    part = planes[top:bottom, left:right]
    across = part[1:-1, 2:] - part[1:-1, :-2]
    down = part[2:, 1:-1] - part[:-2, 1:-1]
    return float(np.mean(across**2) + np.mean(down**2))


def tint(lq: np.ndarray) -> tuple[float, np.ndarray]:
    """How far the colors of a face follow its luma, and how.

    Args:
        lq: float32 RGB [S, S, 3].

    Returns:
        1 for a gray, sepia or tinted face, 0 for one with colors of its own, in between on a ramp;
        and float32 [3]: by how much each channel rises above luma when luma rises by 1, from a
        least-squares line.
    """
    luma = lq @ LUMA
    chroma = lq - luma[..., None]
    luma_off = luma - luma.mean()
    chroma_off = chroma - chroma.mean(axis=(0, 1))
    variance = float(np.mean(luma_off**2)) + 1e-3
    slope = np.mean(chroma_off * luma_off[..., None], axis=(0, 1)) / variance
    rest = chroma_off - slope * luma_off[..., None]
    share = float(np.sqrt(np.mean(rest**2))) / (np.sqrt(variance) + 1.0)
    low, high = _TINTED
    return float(np.clip((high - share) / (high - low), 0.0, 1.0)), slope.astype(np.float32)
