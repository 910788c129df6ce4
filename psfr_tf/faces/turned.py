"""Faces that lie on their side or upside down: search a photo in its three other orientations."""

from collections.abc import Callable

import numpy as np

from psfr_tf.faces.align import compose, invert, resize_matrix, transform_points
from psfr_tf.faces.detect import Face, resized

# Longer side of what is searched: three more searches must not cost three times a large photo's.
_MAX_SIDE = 1200
# A region around a box, as a multiple of the box's longer side.
_REGION = 3.0


def turned_faces(
    photo: np.ndarray,
    detect: Callable[..., list[Face]],
    min_score: float,
    min_face: float,
    region: tuple[int, int, int, int] | None = None,
) -> list[Face]:
    """Faces of a photo turned by 90, 180 and 270 degrees.

    Args:
        photo: uint8 RGB [H, W, 3].
        detect: called as `psfr_tf.faces.detect.FaceDetector` is.
        min_score, min_face: as there.
        region: (x0, y0, x1, y1) of the photo to search, end exclusive; by default all of it.

    Returns:
        Faces in the photo's own coordinates. A person's left and right stay: the first landmark
        is the eye that is on the left once the face is upright. One face may be found in
        several orientations.
    """
    x0, y0, x1, y1 = region or (0, 0, photo.shape[1], photo.shape[0])
    part = photo[y0:y1, x0:x1]
    to_photo = np.array([[1.0, 0.0, x0], [0.0, 1.0, y0]])
    scale = _MAX_SIDE / max(part.shape[:2])
    if scale < 1:
        height, width = part.shape[:2]
        part = resized(part, scale)
        shrink = resize_matrix(part.shape[1] / width, part.shape[0] / height)
        to_photo = compose(to_photo, invert(shrink))
        min_face = min_face * scale
    faces = []
    for turns in (1, 2, 3):
        matrix = compose(to_photo, _turn_back(turns, part.shape[1], part.shape[0]))
        turned = np.ascontiguousarray(np.rot90(part, turns))
        faces += [_moved(face, matrix) for face in detect(turned, min_score, min_face)]
    return faces


def region_around(
    box: tuple[float, float, float, float], photo: np.ndarray
) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) of the part of a photo around a face's box, three times as large."""
    x, y, width, height = box
    half = _REGION * max(width, height) / 2
    x, y = x + width / 2, y + height / 2
    return (
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(photo.shape[1], round(x + half)),
        min(photo.shape[0], round(y + half)),
    )


def _turn_back(turns: int, width: int, height: int) -> np.ndarray:
    """Matrix [2, 3] from `np.rot90(image, turns)` to the `width` x `height` image."""
    right, bottom = width - 1.0, height - 1.0
    return np.array(
        {
            1: [[0.0, -1.0, right], [1.0, 0.0, 0.0]],
            2: [[-1.0, 0.0, right], [0.0, -1.0, bottom]],
            3: [[0.0, 1.0, 0.0], [-1.0, 0.0, bottom]],
        }[turns]
    )


def _moved(face: Face, matrix: np.ndarray) -> Face:
    x, y, width, height = face.box
    # The edges of a box lie half a pixel before its first pixel's center.
    corners = np.array([[x, y], [x + width, y + height]]) - 0.5
    corners = transform_points(matrix, corners) + 0.5
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    landmarks = transform_points(matrix, face.landmarks).astype(np.float32)
    return Face((x0, y0, x1 - x0, y1 - y0), face.score, landmarks)
