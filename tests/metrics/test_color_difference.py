"""Color of the face: equal, shifted, by lightness, and only inside the ellipse."""

import math

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from psfr_tf.metrics.color_difference import (
    ColorDifference,
    ColorDifferenceDark,
    ColorDifferenceLight,
    ColorDifferenceMedium,
    face_color,
)

SIZE = 64


def skin(lightness, red_green=15.0):
    """uint8 [S, S, 3] of one color."""
    rgb = lab2rgb(np.array([[[lightness, red_green, 20.0]]]))[0, 0]
    return np.broadcast_to(np.rint(255 * rgb), (SIZE, SIZE, 3)).astype(np.uint8)


def test_face_color_is_that_of_the_ellipse():
    face = skin(60)
    expected = rgb2lab(face[:1, :1])[0, 0]
    np.testing.assert_allclose(face_color(face), expected, atol=1e-9)
    framed = face.copy()
    framed[:12], framed[-9:], framed[:, :18], framed[:, -18:] = 0, 255, 255, 0
    np.testing.assert_allclose(face_color(framed), expected, atol=1e-9)
    half = face.copy()
    half[:, : SIZE // 2] = 0
    np.testing.assert_allclose(face_color(half), expected / 2, atol=0.01)


def test_value():
    reference, redder = skin(60), skin(60, 20.0)
    same, other = ColorDifference().compare([reference, redder], reference)
    assert same == 0
    expected = deltaE_ciede2000(rgb2lab(reference[:1, :1]), rgb2lab(redder[:1, :1]))[0, 0]
    assert other == pytest.approx(expected) and 2 < other < 5


@pytest.mark.parametrize(
    ("lightness", "group"),
    [(30, ColorDifferenceDark), (57, ColorDifferenceMedium), (80, ColorDifferenceLight)],
)
def test_groups_are_by_the_reference(lightness, group):
    reference, other = skin(lightness), skin(100 - lightness)
    for metric in (ColorDifferenceDark, ColorDifferenceMedium, ColorDifferenceLight):
        (value,) = metric().compare([other], reference)
        if metric is group:
            assert value == ColorDifference().compare([other], reference)[0]
        else:
            assert math.isnan(value)
