"""Distance between the facial landmarks of a restored face and those of its reference."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from psfr_tf.metrics.metric import ImageMetric

# Takes a uint8 RGB image [H, W, 3]; returns x, y of five points [5, 2] in pixels, or None.
PointDetector = Callable[[np.ndarray], "np.ndarray | None"]


class LargestFacePoints:
    """MTCNN's five points of the face with the largest box; None where no face is found."""

    def __init__(self) -> None:
        from psfr_tf.faces.detect import FaceDetector

        self._detector = FaceDetector()

    def __call__(self, image: np.ndarray) -> np.ndarray | None:
        faces = self._detector(image)
        if not faces:
            return None
        return max(faces, key=lambda face: face.box[2] * face.box[3]).landmarks


class LandmarkDistance(ImageMetric):
    """Mean Euclidean distance of five facial points, in pixels of the compared images.

    The points are those of MTCNN (Zhang et al. 2016): eye centers, nose tip, mouth corners, of the
    face with the largest box in each picture. The distance is not divided by the size of the face,
    so it depends on the size of the images. NaN where no face is found in the image or in the
    reference.

    Args:
        detect: finds the five points of one picture; by default MTCNN.
    """

    name, label, unit = "landmark_distance", "Landmark error", "px"
    source = "Zhang et al., Joint Face Detection and Alignment using MTCNN, IEEE SPL 2016"

    def __init__(self, detect: PointDetector | None = None):
        self._detect = detect or LargestFacePoints()

    def _compare(self, images: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
        expected = self._detect(reference)
        return [point_distance(self._detect(image), expected) for image in images]


class AtReferencePoints(ImageMetric):
    """A metric of the face cut out at the same place of each picture: where MTCNN's five points
    of the *reference* are, so that it does not depend on how well the detector does on a damaged
    face. NaN where no face is found in the reference.

    Args:
        network: what looks at the face cut out, see `psfr_tf.metrics.picture_network`.
        detect: finds the five points; by default MTCNN.
    """

    # (points): the similarity transform [2, 3] from a picture to the network's.
    _transform: Callable[..., np.ndarray]
    _look: Callable[..., np.ndarray]  # (image, matrix): what the network finds
    _difference: Callable[..., float]  # (found, expected)

    def __init__(self, network, detect: PointDetector | None):
        self._network = network
        self._detect = detect or LargestFacePoints()

    def _compare(self, images: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
        points = self._detect(reference)
        if points is None:
            return [math.nan] * len(images)
        matrix = self._transform(points)
        expected = self._look(reference, matrix)
        return [self._difference(self._look(image, matrix), expected) for image in images]


def point_distance(points: np.ndarray | None, expected: np.ndarray | None) -> float:
    """Mean Euclidean distance of two sets of points [N, 2]; NaN if one of them is None."""
    if points is None or expected is None:
        return math.nan
    difference = np.asarray(points, np.float64) - np.asarray(expected, np.float64)
    return float(np.linalg.norm(difference, axis=-1).mean())
