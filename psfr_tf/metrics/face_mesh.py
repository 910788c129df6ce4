"""Distance between the face meshes of a restored face and of its reference."""

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
from psfr_tf.metrics.landmark_distance import AtReferencePoints, PointDetector, point_distance
from psfr_tf.metrics.picture_network import picture_network

FILE = "face_landmark.tflite"
# The network wants the face in the middle two thirds: this square of an aligned 512x512 face.
SQUARE_CORNER, SQUARE_SIDE = (31.0, 75.0), 450.0


class FaceMeshDistance(AtReferencePoints):
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

    name, label, unit = "face_mesh", "Face mesh error", "px"
    _difference = staticmethod(point_distance)
    source = "Kartynnik et al., Real-time Facial Surface Geometry, 2019, arXiv 1907.06724"

    def __init__(self, file: Path, detect: PointDetector | None = None):
        self._file = file
        missing = (
            "put MediaPipe's face landmark network there; the Python wheels of mediapipe 0.10 "
            f"hold it as mediapipe/modules/face_landmark/{FILE}"
        )
        super().__init__(picture_network(file, missing, outputs=2), detect)

    def _transform(self, points: np.ndarray) -> np.ndarray:
        target = (FFHQ_TEMPLATE_512 + 0.5 - SQUARE_CORNER) * (self._network.side / SQUARE_SIDE)
        return similarity_transform(points, target - 0.5)

    def _look(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """x, y of each point, float64 [N, 2], in pixels of the picture."""
        points = self._network(align_face(image, matrix, self._network.side) / 255.0)[0]
        if points.size % 3:
            raise UserError(f"{self._file}: points x, y, z are needed, found {points.size} numbers")
        return transform_points(invert(matrix), points.reshape(-1, 3)[:, :2])
