"""YuNet, a detector in one ONNX file that the user brings, in OpenCV.

Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research
2023. Files: github.com/ShiqiYu/libfacedetection.train, github.com/opencv/opencv_zoo.
"""

import os
import threading
from pathlib import Path

import cv2
import numpy as np

from psfr_tf.errors import UserError


class YuNet:
    """Called as `psfr_tf.faces.mtcnn.MTCNN` is. Threads that share it take turns.

    Args:
        path: the ONNX file.

    Raises:
        UserError: it cannot be read, or holds something else; one line.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        path = Path(path)
        try:
            content = np.frombuffer(path.read_bytes(), np.uint8)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}") from None
        self._turn = threading.Lock()
        log = getattr(cv2.utils, "logging", cv2)  # the latter before OpenCV 5
        level = log.setLogLevel(0)
        try:
            config = np.empty(0, np.uint8)
            self._detector = cv2.FaceDetectorYN.create("onnx", content, config, (64, 64))
            self(np.zeros((64, 64, 3), np.uint8), 0.5)
        except (cv2.error, MemoryError, ValueError):
            raise UserError(
                f"{path}: not a YuNet face detector that OpenCV {cv2.__version__} can run "
                "(an ONNX file, for example face_detection_yunet_2023mar.onnx)"
            ) from None
        finally:
            log.setLogLevel(level)

    def __call__(
        self, photo: np.ndarray, min_score: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        height, width = photo.shape[:2]
        with self._turn:
            self._detector.setInputSize((width, height))
            self._detector.setScoreThreshold(min_score)
            _, rows = self._detector.detect(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
        # A row: x, y, width, height, five points in our order, score.
        rows = np.empty((0, 15)) if rows is None else rows.astype(np.float64)
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return boxes, rows[:, 14], rows[:, 4:14].reshape(-1, 5, 2)
