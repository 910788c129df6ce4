"""Face detection with five landmarks: MTCNN, whose networks are in the package, or YuNet."""

import os
import threading
from dataclasses import dataclass

import cv2
import numpy as np

from psfr_tf.errors import UserError

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
# distance between the least score and 1 has to be covered: 0.95 instead of 0.8. Of MTCNN, whose
# scores crowd at 1; YuNet's do not.
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
        landmarks: float32 [5, 2], (x, y) in pixel-center coordinates of the photo: eye on the
            left of the picture, eye on the right, nose tip, mouth corner left, right.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray


class FaceDetector:
    """Finds faces in a photo. MTCNN's networks load at the first call and are kept.

    Safe to share by threads; not to be shared with a forked process.

    Args:
        detector: "mtcnn" (`psfr_tf.faces.mtcnn`), or the ONNX file of a YuNet
            (`psfr_tf.faces.yunet`).

    Raises:
        UserError: the file cannot be read or is not a YuNet; at the first call of MTCNN, no LiteRT
            runtime is installed. One line.
    """

    def __init__(self, detector: str | os.PathLike = "mtcnn") -> None:
        self._is_mtcnn = os.fspath(detector) == "mtcnn"
        self._search = None
        self._loading = threading.Lock()
        if not self._is_mtcnn:
            from psfr_tf.faces.yunet import YuNet

            self._search = YuNet(detector)

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
            photo: uint8 RGB [H, W, 3] of any size; a gray photo has three equal channels.
            min_score: least confidence, in [0, 1]. A face of less than 32 px, or one that reaches
                beyond the edge, needs (3 + min_score) / 4 of MTCNN.
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
        for box, score, points in zip(*self._networks()(framed, min_score), strict=True):
            x, y = (box[0::2] - frame) / scale_x, (box[1::2] - frame) / scale_y
            (x0, x1), (y0, y1) = np.clip(x, 0, width), np.clip(y, 0, height)
            points = (points - frame + 0.5) / [scale_x, scale_y] - 0.5
            side = min(x1 - x0, y1 - y0)
            if side < min_face or _degenerate(points):
                continue
            cut = (x1 - x0) * (y1 - y0) < (1 - _BEYOND_EDGE) * np.ptp(x) * np.ptp(y)
            strict = self._is_mtcnn and (cut or side < _TINY)
            if score < min_score + strict * _STRICTER * (1 - min_score):
                continue
            box = (float(x0), float(y0), float(x1 - x0), float(y1 - y0))
            faces.append(Face(box, float(score), points.astype(np.float32)))
        return sorted(faces, key=lambda face: (face.box[1], face.box[0], face.box[2]))

    def _networks(self):
        with self._loading:
            if self._search is None:
                from psfr_tf.faces.mtcnn import MTCNN

                try:
                    self._search = MTCNN()
                except ImportError as error:
                    raise UserError(f"face detector: {error}") from None
            return self._search


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
