"""Put restored faces back into their photo.

What is pasted is a difference, not pixels: with `lq` the aligned face cut from the photo and
`restored` the network's answer to it,

    photo + strength * feather * warp(head * limit_chroma(detail(restored - lq)))

Reasons. A network that changes nothing leaves the photo exactly as it was: no blur from
two interpolations. A face larger than the network's input keeps the photo's own finer detail,
where pasted pixels would blur it; the price is that grain finer than the network's pixels stays
too. Subtracting the low frequencies of the difference matches the color and light of the
restored face to the photo's, so neither a color cast nor a seam can appear; what is left of its
chroma is limited to what the photo has lost (`psfr_tf.faces.color`). And `head` keeps the change
off the background, off clothes and off what covers the face (`psfr_tf.faces.head_mask`).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from psfr_tf.faces.align import compose, invert, resize_matrix, square_bounds, warp
from psfr_tf.faces.color import LUMA, limit_chroma
from psfr_tf.faces.head_mask import head_mask
from psfr_tf.pictures import to_uint8

# As shares of the aligned face's side.
_FEATHER = 0.16
_COLOR_SIGMA = 0.08
_CENTER_SIGMA = 0.2
# Rows pasted at a time, so that the float arrays stay small in a very large photo.
_BAND = 512


@dataclass(frozen=True)
class AlignedDifference:
    """What the network changed in one face.

    Attributes:
        matrix: photo to aligned face, float64 [2, 3].
        difference: float32 [S, S, 3], what is added to the aligned face, in units of [0, 255].
        mask: float32 [S, S], how much of it is added, 0..1; everywhere 1 if None.
    """

    matrix: np.ndarray
    difference: np.ndarray
    mask: np.ndarray | None = None


def aligned_difference(
    matrix: np.ndarray, lq: np.ndarray, restored: np.ndarray, parsing: np.ndarray
) -> AlignedDifference:
    """The part of the network's change that belongs into the photo.

    Args:
        matrix: photo to aligned face, float64 [2, 3].
        lq: float32 RGB [S, S, 3] in [0, 255], aligned face.
        restored: float32 RGB [S, S, 3] in [0, 255], the network's answer.
        parsing: uint8 [S, S], parsing map.
    """
    difference = limit_chroma(detail(restored - lq), lq)
    return AlignedDifference(matrix, difference, head_mask(lq, parsing))


def detail(difference: np.ndarray) -> np.ndarray:
    """Remove each channel's low frequencies (Gaussian, sigma 8% of the face's side).

    Args:
        difference: float32 [S, S, 3].

    Returns:
        float32 [S, S, 3]: a constant becomes 0, a slow gradient nearly so away from the border,
        which the feathered mask hides.
    """
    sigma = _COLOR_SIGMA * difference.shape[0]
    low = cv2.GaussianBlur(difference, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return difference - low


def feather_mask(u: np.ndarray, v: np.ndarray, size: int) -> np.ndarray:
    """How much of a face's difference is applied at aligned coordinates (u, v).

    1 in the middle, falling to 0 at the border of the square as a raised cosine over 16% of the
    side; in the photo the width of the ramp therefore follows the face's size.

    Args:
        u, v: x and y in the aligned face, in pixels, pixel-center coordinates; any equal shape.
        size: side of the aligned face.

    Returns:
        float32 array in [0, 1], exactly 0 outside the square.
    """
    mask: np.ndarray = np.ones(())
    for coordinate in (u, v):
        distance = np.minimum(coordinate + 0.5, size - 0.5 - coordinate)
        ramp = np.clip(distance / (_FEATHER * size), 0.0, 1.0)
        mask = mask * (0.5 - 0.5 * np.cos(np.pi * ramp))
    return mask.astype(np.float32)


def _center_weight(u: np.ndarray, v: np.ndarray, size: int) -> np.ndarray:
    """Share a face claims where squares overlap: a Gaussian around the square's center."""
    middle = (size - 1) / 2
    squared = ((u - middle) ** 2 + (v - middle) ** 2) / (_CENTER_SIGMA * size) ** 2
    return np.exp(-0.5 * squared).astype(np.float32)


def paste_faces(
    photo: np.ndarray, faces: list[AlignedDifference], strength: float = 1.0, upscale: int = 1
) -> np.ndarray:
    """Add the faces' differences to a photo.

    Where the squares of several faces overlap, each pixel takes the weighted mean of their
    differences, the weight falling with the distance from the face's center. The result does
    not depend on the order of `faces`. What an aligned face shows beyond the photo's edge
    (reflected content) is not used. If the photo is gray (equal channels), it stays gray.

    Args:
        photo: uint8 RGB [H, W, 3].
        faces: see `AlignedDifference`; the matrices refer to `photo` before enlargement.
        strength: 0 leaves the photo unchanged, 1 applies the whole difference.
        upscale: integer factor; the photo is enlarged first (Lanczos) and the faces are added
            at the higher resolution.

    Returns:
        uint8 RGB [H * upscale, W * upscale, 3].
    """
    gray = is_gray(photo)
    result = enlarge(photo, upscale)
    if strength == 0.0:
        return result
    height, width = result.shape[:2]
    shrink = invert(resize_matrix(upscale, upscale))
    placed = []
    for face in faces:
        matrix = compose(face.matrix, shrink)
        bounds = square_bounds(matrix, face.difference.shape[0], width, height)
        placed.append((matrix, bounds, _planes(face, gray)))
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        inside = [
            (matrix, (x0, max(y0, top), x1, min(y1, bottom)), planes)
            for matrix, (x0, y0, x1, y1), planes in placed
            if x0 < x1 and max(y0, top) < min(y1, bottom)
        ]
        if inside:
            _paste_band(result, inside, strength)
    return result


def _planes(face: AlignedDifference, gray: bool) -> np.ndarray:
    """Difference and mask, float32 [S, S, 4]."""
    difference = np.asarray(face.difference, dtype=np.float32)
    if gray:
        # The network may tint a gray face.
        difference = np.repeat((difference @ LUMA)[..., None], 3, axis=2)
    mask = np.ones(difference.shape[:2], np.float32) if face.mask is None else face.mask
    return np.dstack([difference, mask])


def _paste_band(result, inside, strength) -> None:
    """Paste what `inside` (matrix, bounds, planes) adds between two rows of `result`."""
    left = min(bounds[0] for _, bounds, _ in inside)
    right = max(bounds[2] for _, bounds, _ in inside)
    top = min(bounds[1] for _, bounds, _ in inside)
    bottom = max(bounds[3] for _, bounds, _ in inside)
    change = np.zeros((bottom - top, right - left, 3), np.float32)
    share = np.zeros((bottom - top, right - left, 1), np.float32)
    for matrix, (x0, y0, x1, y1), planes in inside:
        size = planes.shape[0]
        x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
        u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
        v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
        to_bounds = compose(np.array([[1.0, 0.0, -x0], [0.0, 1.0, -y0]]), invert(matrix))
        warped = warp(planes, to_bounds, x1 - x0, y1 - y0, border=cv2.BORDER_REFLECT_101)
        mask = feather_mask(u, v, size) * np.clip(warped[..., 3], 0.0, 1.0)
        weight = mask * _center_weight(u, v, size)
        part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        change[part] += (weight * mask)[..., None] * warped[..., :3]
        share[part] += weight[..., None]
    region = result[top:bottom, left:right]
    changed = region + strength * np.divide(change, share, out=change, where=share > 0)
    region[:] = to_uint8(changed)


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """A copy of a uint8 image [H, W] or [H, W, C], enlarged `factor` times (Lanczos)."""
    if factor == 1:
        return image.copy()
    height, width = image.shape[:2]
    return cv2.resize(image, (width * factor, height * factor), interpolation=cv2.INTER_LANCZOS4)


def is_gray(photo: np.ndarray) -> bool:
    """Whether all three channels of [H, W, 3] are equal everywhere."""
    return bool(
        np.array_equal(photo[..., 0], photo[..., 1])
        and np.array_equal(photo[..., 1], photo[..., 2])
    )
