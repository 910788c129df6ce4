"""Face mesh error with a small network made here: where the light of each half of the crop is."""

import math

import cv2
import numpy as np
import pytest

from psfr_tf.errors import UserError
from psfr_tf.faces.align import template
from psfr_tf.metrics.face_mesh import FILE, FaceMeshDistance

SIDE = 256


@pytest.fixture(scope="module")
def network(tmp_path_factory, convert):
    """Centroids of the left and the right half of a 192x192 crop, as points x, y, z."""
    import tensorflow as tf

    def centroids(crop):
        points = []
        for left in (0, 96):
            light = tf.reduce_sum(crop[0, :, left : left + 96], axis=-1)
            light /= tf.reduce_sum(light)
            x = tf.reduce_sum(light * (tf.range(96.0) + left))
            y = tf.reduce_sum(light * tf.range(192.0)[:, None])
            points += [x, y, 7.0]
        return tf.reshape(tf.stack(points), [1, 1, 1, 6]), tf.reduce_sum(crop)

    folder = tmp_path_factory.mktemp("mesh")
    return convert(folder / FILE, centroids, [1, 192, 192, 3])


def spots(*centers):
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    for center in centers:
        cv2.circle(picture, center, 6, (200, 180, 160), -1)
    return picture


def test_distance_in_pixels_of_the_picture(network):
    metric = FaceMeshDistance(network, detect=lambda picture: template(SIDE))
    reference = spots((90, 120), (160, 150))
    dim = reference // 2
    one_moved = spots((93, 124), (160, 150))
    same, darker, moved = metric.compare([reference, dim, one_moved], reference)
    assert same == 0.0
    assert darker == pytest.approx(0.0, abs=0.02)
    assert moved == pytest.approx(5.0 / 2, abs=0.1)


def test_crop_follows_the_points_of_the_reference(network):
    small, large = spots((90, 120), (160, 150)), spots((85, 110), (170, 150))
    # A face of half the size: the same crop pixels are half as many pixels of the picture.
    half = FaceMeshDistance(network, detect=lambda picture: 64 + template(SIDE) / 2)
    moved = spots((92, 120), (160, 150))
    assert half.compare([moved], small)[0] == pytest.approx(1.0, abs=0.1)
    full = FaceMeshDistance(network, detect=lambda picture: template(SIDE))
    assert full.compare([small], large)[0] > 5.0


def test_no_face_in_the_reference(network):
    metric = FaceMeshDistance(network, detect=lambda picture: None)
    picture = spots((90, 120))
    assert math.isnan(metric.compare([picture], picture)[0])


def test_missing_and_wrong_files_are_named(tmp_path, convert):
    with pytest.raises(UserError, match=rf"{FILE} is missing: put MediaPipe's face landmark"):
        FaceMeshDistance(tmp_path / FILE)
    path = convert(tmp_path / "one.tflite", lambda x: x * 2.0, [1, 8, 8, 3])
    with pytest.raises(UserError, match=r"one\.tflite: .* 2 output\(s\) are needed, found 1 in"):
        FaceMeshDistance(path)
    pair = convert(tmp_path / "pair.tflite", lambda x: (x[0, 0, 0, :2], x[0, 0]), [1, 8, 8, 3])
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    metric = FaceMeshDistance(pair, detect=lambda picture: template(SIDE))
    with pytest.raises(UserError, match=r"pair\.tflite: points x, y, z are needed"):
        metric.compare([picture], picture)
