"""Face alignment: a similarity transform to the FFHQ template and an antialiased affine warp.

Coordinates are pixel-center coordinates (x, y): the center of the top left pixel is (0, 0).
An affine matrix is float64 [2, 3] and maps (x, y) of its source to (x, y) of its target.
"""

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike

# Eye on the left of the picture, eye on the right, nose tip, mouth corner on the left, on the
# right: (x, y) in the 512x512 frame of aligned FFHQ faces.
FFHQ_TEMPLATE_512 = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ],
    dtype=np.float64,
)

# A source more than this many times too large is reduced by area averaging before the warp,
# which bounds the memory of the supersampled picture.
_MAX_SUPERSAMPLING = 4


def template(size: int) -> np.ndarray:
    """Five template points, float64 [5, 2], in a `size` x `size` aligned face.

    The scaling keeps pixel centers in place: x' = (x + 0.5) * size / 512 - 0.5.
    """
    return (FFHQ_TEMPLATE_512 + 0.5) * (size / 512.0) - 0.5


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares rotation, uniform scale and translation from `source` to `target`.

    Closed form of Umeyama, "Least-squares estimation of transformation parameters between two
    point patterns", PAMI 1991, eq. 40-43, without reflection.

    Args:
        source: points [N, 2], N >= 2, in pixels.
        target: points [N, 2].

    Returns:
        float64 [2, 3] matrix.

    Raises:
        ValueError: shapes differ, a point is not finite, or all source points coincide.
    """
    source = np.asarray(source, dtype=np.float64)
    target = np.asarray(target, dtype=np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(
            f"Two point sets of equal shape [N, 2] are needed. Received: {source.shape} "
            f"and {target.shape}"
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ValueError(f"Points must be finite. Received: {source.tolist()}, {target.tolist()}")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source_centered, target_centered = source - source_mean, target - target_mean
    variance = np.mean(np.sum(source_centered**2, axis=1))
    if variance <= 1e-12:
        raise ValueError(f"All source points coincide. Received: {source.tolist()}")
    u, singular, vt = np.linalg.svd(target_centered.T @ source_centered / len(source))
    sign = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float(singular @ sign) / variance
    linear = scale * rotation
    return np.column_stack([linear, target_mean - linear @ source_mean])


def face_transform(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Matrix [2, 3] from photo to aligned face for five `landmarks` [5, 2] in the photo."""
    return similarity_transform(landmarks, template(size))


def invert(matrix: np.ndarray) -> np.ndarray:
    """Inverse of an affine matrix [2, 3]."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Matrix [2, 3] that applies `first`, then `second`."""
    return np.column_stack(
        [second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]]
    )


def resize_matrix(factor_x: float, factor_y: float) -> np.ndarray:
    """Matrix [2, 3] of a resize by the given factors that keeps the picture's edges in place."""
    return np.array([[factor_x, 0.0, 0.5 * factor_x - 0.5], [0.0, factor_y, 0.5 * factor_y - 0.5]])


def transform_points(matrix: np.ndarray, points: ArrayLike) -> np.ndarray:
    """Apply `matrix` [2, 3] to points [N, 2]; returns float64 [N, 2]."""
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]


def scale_of(matrix: np.ndarray) -> float:
    """Target pixels per source pixel: square root of the determinant."""
    return math.sqrt(abs(np.linalg.det(matrix[:, :2])))


def square_bounds(matrix: np.ndarray, size: int, width: int, height: int, margin: int = 0):
    """Part of a `width` x `height` photo that an aligned face of `size` covers.

    Args:
        matrix: photo to aligned face, [2, 3].
        margin: pixels added on each side before clipping to the photo.

    Returns:
        (x0, y0, x1, y1), end exclusive; x1 <= x0 or y1 <= y0 when they do not meet.
    """
    edge = size - 0.5
    corners = transform_points(
        invert(matrix), [[-0.5, -0.5], [edge, -0.5], [-0.5, edge], [edge, edge]]
    )
    low = np.floor(corners.min(axis=0)).astype(int) - margin
    high = np.ceil(corners.max(axis=0)).astype(int) + 1 + margin
    return max(low[0], 0), max(low[1], 0), min(high[0], width), min(high[1], height)


def warp(image: np.ndarray, matrix: np.ndarray, width: int, height: int, border: int) -> np.ndarray:
    """Affine warp without aliasing.

    Enlarging is one cubic interpolation. Reducing is done by supersampling: the target is drawn
    at an integer multiple of its size, so that no source pixel is skipped, and averaged by area;
    a source far too large is area-averaged first.

    Args:
        image: float32 or uint8 [H, W] or [H, W, C].
        matrix: source to target, [2, 3].
        width, height: of the target, in pixels.
        border: an OpenCV border type, for example `cv2.BORDER_REFLECT_101`.

    Returns:
        float32 [height, width] or [height, width, C], the value range of `image` apart from the
        overshoot of cubic interpolation.
    """
    image = np.asarray(image, dtype=np.float32)
    reduction = 1.0 / scale_of(matrix)
    if reduction > _MAX_SUPERSAMPLING:
        # Half of the reduction here, at least a factor of 2 left for the supersampled warp.
        step = math.floor(reduction / 2)
        old_height, old_width = image.shape[:2]
        new_size = (max(1, old_width // step), max(1, old_height // step))
        image = cv2.resize(image, new_size, interpolation=cv2.INTER_AREA)
        shrink = resize_matrix(new_size[0] / old_width, new_size[1] / old_height)
        matrix = compose(matrix, invert(shrink))
        reduction = 1.0 / scale_of(matrix)
    factor = max(1, math.ceil(reduction - 1e-6))
    enlarged = compose(resize_matrix(factor, factor), matrix)
    result = cv2.warpAffine(
        image,
        invert(enlarged),
        (width * factor, height * factor),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=border,
    )
    if factor > 1:
        result = cv2.resize(result, (width, height), interpolation=cv2.INTER_AREA)
    return result


def align_face(photo: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Cut an aligned face out of a photo.

    What lies outside the photo is filled by reflection, as in the training faces.

    Args:
        photo: uint8 RGB [H, W, 3].
        matrix: photo to aligned face, from `face_transform`.
        size: side of the aligned face, in pixels.

    Returns:
        float32 [size, size, 3] in [0, 255].
    """
    height, width = photo.shape[:2]
    # Cubic interpolation reads two pixels further; a few more let the area reduction start whole.
    margin = 4 + math.ceil(4 / scale_of(matrix))
    x0, y0, x1, y1 = square_bounds(matrix, size, width, height, margin)
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"The face lies outside the {width}x{height} photo. Received: {matrix}")
    shift = np.array([[1.0, 0.0, x0], [0.0, 1.0, y0]])
    face = warp(
        photo[y0:y1, x0:x1], compose(matrix, shift), size, size, border=cv2.BORDER_REFLECT_101
    )
    return np.clip(face, 0.0, 255.0)
