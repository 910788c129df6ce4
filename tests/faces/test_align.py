import math

import cv2
import numpy as np
import pytest

from psfr_tf.faces import align


def similarity(scale, degrees, shift):
    angle = math.radians(degrees)
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


def smooth_picture(height, width, center=(0.0, 0.0), scale=1.0):
    """A smooth picture whose value is a known function of the coordinates."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = (x - center[0]) * scale, (y - center[1]) * scale
    return 127.5 + 60 * np.sin(x / 9) + 60 * np.cos(y / 7)


@pytest.mark.parametrize("size", [64, 256, 512])
def test_template_keeps_pixel_centers_in_place(size):
    # The template's relative position in the frame, edges at -0.5 and size - 0.5, is the same.
    np.testing.assert_allclose(
        (align.template(size) + 0.5) / size, (align.FFHQ_TEMPLATE_512 + 0.5) / 512
    )


@pytest.mark.parametrize("scale, degrees", [(0.3, -20.0), (1.0, 0.0), (4.0, 75.0)])
def test_similarity_transform_is_recovered(scale, degrees):
    truth = similarity(scale, degrees, (17.0, -4.0))
    points = align.template(256)
    found = align.similarity_transform(points, align.transform_points(truth, points))
    np.testing.assert_allclose(found, truth, atol=1e-9)


def test_similarity_transform_does_not_mirror():
    points = align.template(256)
    found = align.similarity_transform(points * [-1, 1], points)
    assert np.linalg.det(found[:, :2]) > 0
    assert found[0, 0] == pytest.approx(found[1, 1])
    assert found[0, 1] == pytest.approx(-found[1, 0])


def test_similarity_transform_is_the_least_squares_solution():
    rng = np.random.default_rng(0)
    source, target = align.template(64), align.template(64) + rng.normal(0, 3, (5, 2))
    # x' = a x - b y + c, y' = b x + a y + d
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        values += [u, v]
    (a, b, c, d), *_ = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)
    expected = np.array([[a, -b, c], [b, a, d]])
    np.testing.assert_allclose(align.similarity_transform(source, target), expected, atol=1e-9)


@pytest.mark.parametrize(
    "points", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.zeros((5, 3)), np.zeros((4, 2))]
)
def test_similarity_transform_refuses_bad_points(points):
    with pytest.raises(ValueError, match="Received"):
        align.similarity_transform(points, align.template(64))


def test_invert_and_compose():
    first, second = similarity(0.4, 30, (5, 6)), similarity(2.5, -12, (-3, 9))
    points = align.template(100)
    both = align.transform_points(second, align.transform_points(first, points))
    np.testing.assert_allclose(
        align.transform_points(align.compose(second, first), points), both, atol=1e-9
    )
    np.testing.assert_allclose(
        align.transform_points(align.invert(first), align.transform_points(first, points)),
        points,
        atol=1e-9,
    )


@pytest.mark.parametrize("scale", [0.07, 0.19, 0.4, 1.0, 2.3])
def test_warp_is_exact_below_a_pixel(scale):
    # The picture's period is fixed in the target, so it is smooth at every scale.
    matrix = similarity(scale, 8.0, (3.4, 11.7))
    side = 96
    inverse = align.invert(matrix)
    corners = align.transform_points(inverse, [[0, 0], [side, 0], [0, side], [side, side]])
    low = np.floor(corners.min(axis=0)) - 40 / scale
    width, height = (np.ceil(corners.max(axis=0) + 40 / scale) - low).astype(int)
    to_target = align.compose(matrix, np.array([[1.0, 0, low[0]], [0, 1.0, low[1]]]))
    y, x = np.mgrid[0:height, 0:width]
    where = align.transform_points(to_target, np.stack([x.ravel(), y.ravel()], axis=1))

    def value(points):
        return 127.5 + 60 * np.sin(points[:, 0] / 9) + 60 * np.cos(points[:, 1] / 7)

    picture = value(where).reshape(height, width).astype(np.float32)
    warped = align.warp(picture, to_target, side, side, cv2.BORDER_REFLECT_101)
    v, u = np.mgrid[0:side, 0:side]
    truth = value(np.stack([u.ravel(), v.ravel()], axis=1)).reshape(side, side)
    # Least-squares shift of `warped` against the truth, from its derivatives.
    du, dv = 60 / 9 * np.cos(u / 9), -60 / 7 * np.sin(v / 7)
    shift, *_ = np.linalg.lstsq(
        np.stack([-du.ravel(), -dv.ravel()], axis=1), (warped - truth).ravel(), rcond=None
    )
    assert np.abs(shift).max() < 0.02
    assert np.abs(warped - truth).max() < 2.0  # of 255; the error of cubic interpolation


@pytest.mark.parametrize("scale", [1 / 12, 1 / 5, 1 / 2.5])
def test_reducing_does_not_alias(scale):
    # Stripes of two pixels are above the target's resolution: they must average to gray, up to
    # the side lobe of the area filter. Skipping pixels would leave an amplitude of 127.
    stripes = np.tile(np.array([0, 255], np.float32), (600, 300))
    matrix = similarity(scale, 0.0, (-2.0, -2.0))
    side = int(600 * scale) - 8
    warped = align.warp(stripes, matrix, side, side, cv2.BORDER_REFLECT_101)
    assert np.abs(warped - 127.5).max() < 32


def test_align_face_puts_landmarks_on_the_template():
    truth = similarity(0.5, 10.0, (60.0, 40.0))
    landmarks = align.transform_points(truth, align.template(128))
    photo = np.zeros((160, 180, 3), np.float32)
    y, x = np.mgrid[0:160, 0:180]
    for px, py in landmarks:
        photo[..., 0] += 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 1.5**2))
    photo = np.clip(np.rint(photo), 0, 255).astype(np.uint8)
    face = align.align_face(photo, align.face_transform(landmarks, 128), 128)
    assert face.shape == (128, 128, 3) and face.dtype == np.float32
    v, u = np.mgrid[0:128, 0:128]
    for tx, ty in align.template(128):
        spot = face[..., 0] * (np.hypot(u - tx, v - ty) < 9)
        center = (spot * u).sum() / spot.sum(), (spot * v).sum() / spot.sum()
        assert center == pytest.approx((tx, ty), abs=0.1)


def test_align_face_reflects_beyond_the_photo():
    photo = np.full((40, 40, 3), 90, np.uint8)
    landmarks = align.template(64) - 25.0
    face = align.align_face(photo, align.face_transform(landmarks, 64), 64)
    np.testing.assert_allclose(face, 90, atol=1e-3)


def test_align_face_outside_the_photo():
    photo = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(ValueError, match="outside"):
        align.align_face(photo, align.face_transform(align.template(64) + 500, 64), 64)


def test_square_bounds_are_clipped_to_the_photo():
    matrix = np.array([[1.0, 0, 10], [0, 1.0, -20]])
    assert align.square_bounds(matrix, 64, 200, 60) == (0, 19, 55, 60)
