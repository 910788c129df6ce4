"""Face detection with five landmarks: MTCNN (Zhang et al. 2016, arXiv 1604.02878).

The networks and their weights come from the package `mtcnn`, so nothing is downloaded.
"""

import threading
from dataclasses import dataclass

import cv2
import numpy as np

DEFAULT_MIN_SCORE = 0.8
DEFAULT_MIN_FACE = 20

# The smallest face the first network of MTCNN is run for, in pixels of the searched picture.
_NETWORK_MIN_FACE = 20
# A longer side is reduced to this before the search: time and memory stay bounded, and a face
# of 1/150 of the long side is still found.
_MAX_SIDE = 3000
# Below this the pyramid of MTCNN has no level.
_MIN_SIDE = 25
# A face cut by the photo's edge is found once there is something beyond the edge: a plain frame in
# the photo's mean color, this share of the shorter side wide.
_FRAME = 1 / 24
# What is not a face passes more often when it is tiny or cut by the edge. There this much of the
# distance between the least score and 1 has to be covered: 0.95 instead of 0.8.
_TINY = 32
_BEYOND_EDGE = 0.02
_STRICTER = 0.75
# A photo whose brightest and darkest parts are closer than this is searched with its contrast
# stretched. The parts are pixels of a copy of at most this many pixels a side.
_LEAST_CONTRAST = 128
_CONTRAST_SIDE = 256


@dataclass(frozen=True)
class Face:
    """One detected face.

    Attributes:
        box: (x, y, width, height) in pixels of the photo, clipped to the photo.
        score: confidence in [0, 1].
        landmarks: float32 [5, 2], (x, y) in pixel-centre coordinates of the photo: eye on the
            left of the picture, eye on the right, nose tip, mouth corner left, right.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray


class FaceDetector:
    """Finds faces in a photo. The networks load at the first call and are kept.

    Safe to share by threads.
    """

    def __init__(self) -> None:
        self._mtcnn = None
        self._loading = threading.Lock()

    def __call__(
        self,
        photo: np.ndarray,
        min_score: float = DEFAULT_MIN_SCORE,
        min_face: float = DEFAULT_MIN_FACE,
    ) -> list[Face]:
        """Detect faces.

        A photo whose long side is above 3000 px is searched on a reduced copy; below a
        `min_face` of 20 px it is searched on an enlarged one, up to the same long side. A frame is
        put around the copy, so that a face cut by the edge is found too: its landmarks may lie
        outside the photo. A dark or faded photo is searched with its contrast stretched.

        Args:
            photo: uint8 RGB [H, W, 3] of any size; a grey photo has three equal channels.
            min_score: least confidence, in [0, 1]. A face of less than 32 px, or one that reaches
                beyond the edge, needs (3 + min_score) / 4.
            min_face: least shorter side of a face's box, in pixels of the photo.

        Returns:
            Faces ordered by their box: top to bottom, then left to right. Empty if none.
        """
        height, width = photo.shape[:2]
        scale = min(_MAX_SIDE / max(height, width), max(1.0, _NETWORK_MIN_FACE / min_face))
        searched = resized(photo, scale)
        if min(searched.shape[:2]) < _MIN_SIDE:
            return []
        scale_x, scale_y = searched.shape[1] / width, searched.shape[0] / height
        framed, frame = _framed(_stretched(searched))
        faces = []
        for row in self._search(framed, min_score):
            x = (np.array([row[1], row[3]]) - frame) / scale_x
            y = (np.array([row[2], row[4]]) - frame) / scale_y
            (x0, x1), (y0, y1) = np.clip(x, 0, width), np.clip(y, 0, height)
            points = np.stack([row[6:11], row[11:16]], axis=1) - frame
            points = (points + 0.5) / [scale_x, scale_y] - 0.5
            side = min(x1 - x0, y1 - y0)
            if side < min_face or _degenerate(points):
                continue
            cut = (x1 - x0) * (y1 - y0) < (1 - _BEYOND_EDGE) * np.ptp(x) * np.ptp(y)
            if (cut or side < _TINY) and row[5] < min_score + _STRICTER * (1 - min_score):
                continue
            box = (float(x0), float(y0), float(x1 - x0), float(y1 - y0))
            faces.append(Face(box, float(row[5]), points.astype(np.float32)))
        return sorted(faces, key=lambda face: (face.box[1], face.box[0], face.box[2]))

    def _search(self, photo: np.ndarray, min_score: float) -> np.ndarray:
        """Rows [N, 16] of MTCNN: index, x0, y0, x1, y1, score, five x, five y."""
        with self._loading:
            if self._mtcnn is None:
                from mtcnn import MTCNN

                self._mtcnn = MTCNN(device="CPU:0")
        rows = self._mtcnn.detect_faces(
            photo, output_type="numpy", box_format="xyxy", threshold_onet=min(min_score, 0.999)
        )
        rows = np.asarray(rows, dtype=np.float64).reshape(-1, 16)
        return rows[rows[:, 5] >= min_score]


def resized(photo: np.ndarray, scale: float) -> np.ndarray:
    """The photo [H, W, 3] `scale` times as large: area average when smaller, cubic when larger."""
    if scale == 1.0:
        return photo
    height, width = photo.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(photo, size, interpolation=method)


def _stretched(photo: np.ndarray) -> np.ndarray:
    """The photo, its contrast stretched to 0..255 if it is low."""
    small = resized(photo, min(1.0, _CONTRAST_SIDE / max(photo.shape[:2])))
    low, high = int(small.min()), int(small.max())
    if not 0 < high - low < _LEAST_CONTRAST:
        return photo
    levels = np.clip((np.arange(256) - low) * (255 / (high - low)), 0, 255)
    return np.rint(levels).astype(np.uint8)[photo]


def _framed(photo: np.ndarray) -> tuple[np.ndarray, int]:
    """The photo in a frame of its mean color, and the frame's width."""
    frame = round(_FRAME * min(photo.shape[:2]))
    color = [float(round(value)) for value in photo.mean(axis=(0, 1))]
    framed = cv2.copyMakeBorder(photo, frame, frame, frame, frame, cv2.BORDER_CONSTANT, value=color)
    return framed, frame


def _degenerate(points: np.ndarray) -> bool:
    """Landmarks that no similarity transform can be fitted to."""
    return not np.isfinite(points).all() or np.ptp(points, axis=0).max() < 2.0
