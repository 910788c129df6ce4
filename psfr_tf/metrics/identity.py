"""Similarity of the person in a restored face and in its reference."""

import math
from pathlib import Path

import numpy as np

from psfr_tf.faces.align import align_face, similarity_transform
from psfr_tf.metrics.landmark_distance import AtReferencePoints, PointDetector
from psfr_tf.metrics.picture_network import picture_network
from psfr_tf.pictures import normalize

FILE = "face_recognition.tflite"
# Taken in this order; the last ones are ArcFace networks under the names of their packages.
FILES = (
    FILE,
    "face_recognition.onnx",
    "face_recognition.keras",
    "face_recognition.h5",
    "w600k_r50.onnx",
    "glintr100.onnx",
    "w600k_mbf.onnx",
)
# Eye centers, nose tip, mouth corners in the 112x112 crops that ArcFace networks are trained on.
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
TEMPLATE_SIDE = 112


def find_file(folder: Path) -> Path:
    """The first of `FILES` that is in a folder; `FILE` if none is."""
    found = (folder / name for name in FILES if (folder / name).is_file())
    return next(found, folder / FILE)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle of two vectors; NaN if one is zero."""
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norms if norms else math.nan


class IdentitySimilarity(AtReferencePoints):
    """Cosine of the face-recognition features of a picture and of its reference.

    The face is cut out by the similarity transform that brings MTCNN's five points of the
    *reference* onto ArcFace's template; every version of the picture is cut with the same
    transform, so the value does not depend on how well the detector does on a damaged face. NaN
    where no face is found in the reference.

    Args:
        file: a LiteRT, Keras or ONNX file: one input float32 [1, H, W, 3] (ONNX also [1, 3, 112,
            112]), RGB in [-1, 1] ((x - 127.5) / 127.5), H = W; one output float32 [1, D], of any
            length. ArcFace and MobileFaceNet are trained so.
        detect: finds the five points of the reference; by default MTCNN.

    Raises:
        UserError: if the file is missing or of another interface.
    """

    name, label = "identity", "Identity similarity"
    higher_is_better = True
    source = "Deng et al., ArcFace, CVPR 2019 (features of the network given)"
    _difference = staticmethod(cosine)

    def __init__(self, file: Path, detect: PointDetector | None = None):
        missing = (
            "put a face-recognition network there (.tflite, .onnx or .keras) with input float32 "
            "[1, H, H, 3], RGB in [-1, 1], and output [1, D]"
        )
        super().__init__(picture_network(file, missing), detect)

    def _transform(self, points: np.ndarray) -> np.ndarray:
        # Pixel centers are at whole numbers, so a crop of another size shifts by half a pixel.
        target = (TEMPLATE + 0.5) * (self._network.side / TEMPLATE_SIDE) - 0.5
        return similarity_transform(points, target)

    def _look(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        return self._network(normalize(align_face(image, matrix, self._network.side)))[0]
