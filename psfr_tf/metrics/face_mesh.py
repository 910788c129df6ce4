"""Distance between the face meshes of a restored face and of its reference."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.faces.align import (
    FFHQ_TEMPLATE_512,
    align_face,
    invert,
    similarity_transform,
    transform_points,
)
from psfr_tf.metrics.landmark_distance import LargestFacePoints, PointDetector, point_distance
from psfr_tf.metrics.litert_network import PictureNetwork
from psfr_tf.metrics.metric import ImageMetric

FILE = "face_landmark.tflite"
# The network wants the face in the middle two thirds: this square of an aligned 512x512 face.
SQUARE_CORNER, SQUARE_SIDE = (31.0, 75.0), 450.0


class FaceMeshDistance(ImageMetric):
    """Mean Euclidean distance of the points of a face mesh, in pixels of the compared images.

    The mesh is the answer of MediaPipe's face landmark network (468 points, of which x and y
    count). The face is cut out by the similarity transform that brings MTCNN's five points of the
    *reference* onto a fixed place; every version of the picture is cut with the same transform. The
    network hardly reacts to noise, compression and mild blur that leave the face where it is, so
    it tells misplaced features from unsharp ones better than MTCNN's five points do. NaN where no
    face is found in the reference.

    Args:
        file: `face_landmark.tflite` of MediaPipe (Apache-2.0; its Python wheels hold it in
            `mediapipe/modules/face_landmark/`): input float32 [1, 192, 192, 3], RGB in [0, 1];
            first output 468 points x, y, z in pixels of the input, second output a score.
        detect: finds the five points of the reference; by default MTCNN.

    Raises:
        UserError: if the file is missing or of another interface.
    """

    name = "face_mesh"
    label = "Face mesh error"
    unit = "px"
    value_range = (0.0, math.inf)
    higher_is_better = False
    source = "Kartynnik et al., Real-time Facial Surface Geometry, 2019, arXiv 1907.06724"

    def __init__(self, file: Path, detect: PointDetector | None = None):
        self._file = file
        self._network = PictureNetwork(
            file,
            outputs=2,
            missing="put MediaPipe's face landmark network there; the Python wheels of mediapipe "
            f"0.10 hold it as mediapipe/modules/face_landmark/{FILE}",
        )
        self._detect = detect or LargestFacePoints()

    def _compare(self, images: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
        points = self._detect(reference)
        if points is None:
            return [math.nan] * len(images)
        side = self._network.side
        target = (FFHQ_TEMPLATE_512 + 0.5 - SQUARE_CORNER) * (side / SQUARE_SIDE) - 0.5
        matrix = similarity_transform(points, target)
        expected = self._mesh(reference, matrix)
        return [point_distance(self._mesh(image, matrix), expected) for image in images]

    def _mesh(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """x, y of each point, float64 [N, 2], in pixels of the picture."""
        points = self._network(align_face(image, matrix, self._network.side) / 255.0)[0]
        if points.size % 3:
            raise UserError(f"{self._file}: points x, y, z are needed, found {points.size} numbers")
        return transform_points(invert(matrix), points.reshape(-1, 3)[:, :2])
