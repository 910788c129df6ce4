"""Landmark distance with drawn points, and with MTCNN on scikit-image's portrait."""

import math

import cv2
import numpy as np
import pytest

from psfr_tf.metrics import LandmarkDistance

POINTS = np.array([[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]], np.float32)


def fake_detector(image):
    """Points moved by the first two values of the image; no face in a black image."""
    if not image.any():
        return None
    return POINTS + image[0, 0, :2].astype(np.float32)


def picture(x, y):
    return np.full((8, 8, 3), [x, y, 255], np.uint8)


def test_mean_distance_in_pixels():
    metric = LandmarkDistance(fake_detector)
    assert metric.compare([picture(3, 4), picture(0, 0)], picture(0, 0)) == [5.0, 0.0]


def test_a_face_not_found_is_nan():
    metric = LandmarkDistance(fake_detector)
    black = np.zeros((8, 8, 3), np.uint8)
    values = metric.compare([black, picture(0, 2)], picture(0, 0))
    assert math.isnan(values[0]) and values[1] == 2.0
    assert all(math.isnan(value) for value in metric.compare([picture(0, 0)] * 2, black))


@pytest.fixture(scope="module")
def portrait():
    skimage_data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(skimage_data.astronaut()[:300, 80:380])


def test_mtcnn_measures_a_shift(portrait):
    # Inside the picture, so that the moved copy has the same surroundings.
    moved = np.roll(portrait, (3, 4), axis=(0, 1))
    metric = LandmarkDistance()
    same, shifted = metric.compare([portrait, moved], portrait)
    assert same == 0.0
    # MTCNN's own repeatability is about a pixel.
    assert shifted == pytest.approx(5.0, abs=1.5)


def test_mtcnn_on_a_picture_without_a_face(portrait):
    noise = cv2.GaussianBlur(portrait, (0, 0), 60)
    assert math.isnan(LandmarkDistance().compare([noise], portrait)[0])
