"""Turned faces, with the shipped weights: they must be found upright, or left as they are."""

import math

import cv2
import numpy as np
import pytest
from skimage import data

from psfr_tf.faces.align import face_transform, invert, template, transform_points
from psfr_tf.faces.detect import Face, FaceDetector
from psfr_tf.faces.turned import region_around, turned_faces
from psfr_tf.restorer import FaceRestorer

TURNS = [90, 135, 180, 225, 270]


@pytest.fixture(scope="module")
def restorer():
    return FaceRestorer.from_pretrained("psfr-mobile-256", "litert")


def blurred():
    photo = data.astronaut()[:300, 60:420]
    small = cv2.resize(photo, None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (360, 300), interpolation=cv2.INTER_CUBIC)


def turn(photo, degrees):
    """(turned photo, matrix photo to turned photo)."""
    height, width = photo.shape[:2]
    side = math.ceil(math.hypot(height, width))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    return cv2.warpAffine(photo, matrix, (side, side), flags=cv2.INTER_CUBIC), matrix


@pytest.mark.parametrize("degrees", TURNS)
def test_a_turned_face_is_found_upright_or_left_alone(restorer, degrees):
    (upright,) = restorer.restore(blurred()).faces
    photo, matrix = turn(blurred(), degrees)
    result = restorer.restore(photo)
    if not result.faces:
        assert degrees % 90
        np.testing.assert_array_equal(result.image, photo)
        return
    (face,) = result.faces
    expected = transform_points(matrix, upright.landmarks)
    eyes = np.linalg.norm(expected[1] - expected[0])
    assert np.abs(face.landmarks - expected).max() < 0.15 * eyes
    x, y, width, height = face.box
    assert x < expected[2, 0] < x + width and y < expected[2, 1] < y + height
    # The same face comes out, whichever way it lies.
    assert np.abs(face.restored.astype(int) - upright.restored).mean() < 12


def test_an_upright_photo_is_searched_once(restorer, monkeypatch):
    searched = []
    detector = FaceDetector()

    def counting(photo, *limits):
        searched.append(photo.shape)
        return detector(photo, *limits)

    monkeypatch.setattr(restorer, "_detector", counting)
    assert len(restorer.restore(blurred()).faces) == 1
    assert searched == [(300, 360, 3)]


@pytest.mark.parametrize("region", [None, (10, 20, 110, 80)])
def test_turned_coordinates(region):
    """A detector that knows a bright pixel: it comes back where it is, in every orientation."""
    photo = np.zeros((120, 160, 3), np.uint8)
    photo[40, 70] = 255

    def detect(image, min_score, min_face):
        ((y, x),) = np.argwhere(image[..., 0] == 255)
        return [Face((x, y, 1, 1), 0.9, np.float32([[x, y]] * 5))]

    faces = turned_faces(photo, detect, 0.8, 20, region)
    assert len(faces) == 3
    for face in faces:
        np.testing.assert_allclose(face.landmarks, [[70, 40]] * 5, atol=1e-4)
        np.testing.assert_allclose(face.box, (70, 40, 1, 1), atol=1e-4)


def test_turned_coordinates_of_a_large_photo():
    photo = np.zeros((1800, 3600, 3), np.uint8)
    seen = []

    def detect(image, min_score, min_face):
        seen.append((image.shape, min_face))
        return [Face((30, 12, 20, 10), 0.9, np.float32([[9.5, 19.5]] * 5))]

    by_quarter, by_half, _ = turned_faces(photo, detect, 0.8, 30)
    assert seen == [((1200, 600, 3), 10), ((600, 1200, 3), 10), ((1200, 600, 3), 10)]
    # 10 px from the left, 20 from the top of the reduced copy, 3 times that in the photo.
    np.testing.assert_allclose(by_quarter.landmarks[0] + 0.5, (3600 - 60, 30), atol=1e-3)
    np.testing.assert_allclose(by_half.landmarks[0] + 0.5, (3600 - 30, 1800 - 60), atol=1e-3)
    np.testing.assert_allclose(by_half.box, (3600 - 150, 1800 - 66, 60, 30), atol=1e-3)


def test_region_stays_in_the_photo():
    photo = np.zeros((100, 200, 3), np.uint8)
    assert region_around((80, 40, 20, 10), photo) == (60, 15, 120, 75)
    assert region_around((0, 0, 20, 20), photo) == (0, 0, 40, 40)


def test_a_sideways_face_is_upright_once_aligned():
    points = template(64)
    quarter = np.column_stack([points[:, 1], -points[:, 0]])
    matrix = face_transform(quarter, 64)
    np.testing.assert_allclose(transform_points(invert(matrix), points), quarter, atol=1e-9)
