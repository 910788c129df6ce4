"""Which of a detector's answers to believe.

A face is believed when its parsing map has a nose and a mouth in the right places. Where it has
not, the photo is searched in its other orientations, and a face that one of them explains is taken
from there. What remains is believed if the detector, asked again for the aligned face, is sure of
it and puts the landmarks where they should be; else it is rejected and stays as it is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from psfr_tf.faces.align import (
    align_face,
    face_transform,
    invert,
    template,
    transform_points,
)
from psfr_tf.faces.detect import Face
from psfr_tf.faces.plausible import nose_and_mouth
from psfr_tf.faces.turned import region_around, turned_faces

# Share of nose plus share of mouth, 0..2. Of 278 upright faces 97 % have 0.9 or more, and 99.3 %
# 0.5; of 110 detections on faces turned by 90 to 225 degrees, stones and grass, those with wrong
# landmarks have less than 0.5 but for one (0.82).
_CLEAR = 0.9
_POSSIBLE = 0.5
# Of the detector asked again: side of the aligned face it gets, least score, and greatest root mean
# square distance of the landmarks to the template as a share of the side.
_AGAIN_SIDE = 256
_SURE_SCORE = 0.99
_SURE_DISTANCE = 0.047
# Landmarks of a face tilted by more than this from the orientation it was found in are imprecise.
_TILT_DEGREES = 20
_TILTED_DISTANCE = 0.12


@dataclass(frozen=True)
class Candidate:
    """A detected face with the engine's answer.

    Attributes:
        face: the detection.
        matrix: photo to aligned face, float64 [2, 3].
        lq: float32 [S, S, 3] in [0, 255], aligned face.
        restored: float32 [S, S, 3] in [0, 255], the network's answer.
        parsing: uint8 [S, S], parsing map.
    """

    face: Face
    matrix: np.ndarray
    lq: np.ndarray
    restored: np.ndarray
    parsing: np.ndarray

    @property
    def nose_and_mouth(self) -> float:
        """0 to 2, see `psfr_tf.faces.plausible`."""
        return sum(nose_and_mouth(self.parsing))


@dataclass(frozen=True)
class RejectedFace(Face):
    """A detection that was not believed; the photo is unchanged there.

    Attributes:
        box, score, landmarks: see `psfr_tf.faces.detect.Face`.
        reason: one line.
    """

    reason: str


def believable(
    photo: np.ndarray,
    detect: Callable[..., list[Face]],
    answer: Callable[[list[Face]], list[Candidate]],
    min_score: float,
    min_face: float,
) -> tuple[list[Candidate], list[RejectedFace]]:
    """Find faces and tell those to restore from those to leave alone.

    Args:
        photo: uint8 RGB [H, W, 3].
        detect: called as `psfr_tf.faces.detect.FaceDetector` is.
        answer: runs the networks on detected faces.
        min_score, min_face: as of the detector.

    Returns:
        Believed and rejected faces, each from top to bottom, then from left to right.
    """
    found = detect(photo, min_score, min_face)
    upright = answer([_upright_landmarks(photo, face, detect) for face in found])
    believed = [one for one in upright if one.nose_and_mouth >= _CLEAR]
    doubtful = [one for one in upright if one.nose_and_mouth < _CLEAR]
    # Ordinary photos are searched once. All of a photo is searched in its other orientations if
    # most of it is unexplained as it is; else only where a face is doubtful.
    regions: list[tuple[int, int, int, int] | None] = [None]
    if len(doubtful) < len(believed):
        regions = [region_around(one.face.box, photo) for one in doubtful]
    turned = [
        _upright_landmarks(photo, face, detect)
        for region in regions
        for face in turned_faces(photo, detect, min_score, min_face, region)
        if not _same_place(face, believed)
    ]
    candidates = [one for one in answer(turned) if one.nose_and_mouth >= _CLEAR]
    candidates += [one for one in doubtful if one.nose_and_mouth >= _POSSIBLE]
    for one in sorted(candidates, key=lambda one: -one.nose_and_mouth):
        if not _same_place(one.face, believed):
            believed.append(one)
    rejected = []
    for one in doubtful:
        if _same_place(one.face, believed):
            continue
        if _sure(photo, one.face, detect):
            believed.append(one)
        else:
            rejected.append(_rejected(one))
    return (
        sorted(believed, key=lambda one: _place(one.face)),
        sorted(rejected, key=_place),
    )


def _same_place(face: Face, others: list[Candidate]) -> bool:
    return any(face is other.face or _overlap(face.box, other.face.box) for other in others)


def _overlap(box, other) -> bool:
    """Whether the centers are less than half of the larger box's side apart."""
    center, other_center = (np.array(b[:2]) + np.array(b[2:]) / 2 for b in (box, other))
    return bool(np.abs(center - other_center).max() < max(*box[2:], *other[2:]) / 2)


def _sure(photo: np.ndarray, face: Face, detect) -> bool:
    again = _detected_again(photo, face, detect, _SURE_SCORE, _SURE_DISTANCE)
    return again is not None


def _upright_landmarks(photo: np.ndarray, face: Face, detect) -> Face:
    """A face tilted against the quarter turns gets its landmarks from the aligned face."""
    matrix = face_transform(face.landmarks, _AGAIN_SIDE)
    angle = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
    if abs(angle - 90 * round(angle / 90)) < _TILT_DEGREES:
        return face
    again = _detected_again(photo, face, detect, face.score - 0.1, _TILTED_DISTANCE)
    return face if again is None else Face(face.box, face.score, again)


def _detected_again(photo, face: Face, detect, min_score: float, distance: float):
    """Landmarks in the photo, float32 [5, 2], that the detector finds in the aligned face.

    None if it finds none that are at most `distance`, as a share of the side, off the template.
    """
    matrix = face_transform(face.landmarks, _AGAIN_SIDE)
    aligned = np.rint(align_face(photo, matrix, _AGAIN_SIDE)).astype(np.uint8)
    again = detect(aligned, min_score, _AGAIN_SIDE / 4)
    offsets = [other.landmarks - template(_AGAIN_SIDE) for other in again]
    distances = [np.sqrt(np.mean(np.sum(offset**2, axis=1))) for offset in offsets]
    if min(distances, default=np.inf) > distance * _AGAIN_SIDE:
        return None
    nearest = again[int(np.argmin(distances))]
    return transform_points(invert(matrix), nearest.landmarks).astype(np.float32)


def _rejected(one: Candidate) -> RejectedFace:
    nose, mouth = nose_and_mouth(one.parsing)
    reason = (
        "no nose and mouth where a face in this place would have them "
        f"(nose {nose:.0%}, mouth {mouth:.0%} of where they belong)"
    )
    return RejectedFace(one.face.box, one.face.score, one.face.landmarks, reason)


def _place(face) -> tuple[float, float, float]:
    return face.box[1], face.box[0], face.box[2]
