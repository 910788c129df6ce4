"""Reported photos on which an earlier version failed, with the shipped weights."""

import cv2
import numpy as np
import pytest

from psfr_tf.faces.color import LUMA
from psfr_tf.photo import read_photo
from psfr_tf.restorer import FaceRestorer


@pytest.fixture(scope="module")
def restored(photos_dir):
    folder = photos_dir.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    restorer = FaceRestorer.from_pretrained("psfr-mobile-256", "litert")

    def restore(name):
        photo = read_photo(folder / name).rgb
        return photo, restorer.restore(photo)

    return restore


@pytest.mark.parametrize("name, direction", [("astro90ccw.png", -1), ("astro90cw.png", 1)])
def test_cases_sideways(restored, name, direction):
    _, result = restored(name)
    (face,) = result.faces
    across, down = face.landmarks[1] - face.landmarks[0]
    assert direction * down > 5 * abs(across)


def test_cases_upside_down(restored):
    _, result = restored("astro180.png")
    (face,) = result.faces
    assert face.landmarks[0, 0] > face.landmarks[1, 0] + 30


def test_cases_turned_by_135_degrees(restored):
    """The picture's border holds a mirrored copy of the face, upright: that one is a face."""
    photo, result = restored("astro135.png")
    for face in result.faces:
        eyes, mouth = face.landmarks[:2].mean(axis=0), face.landmarks[3:].mean(axis=0)
        x, y = mouth - eyes
        sideways = face.box[1] < 550
        # 135 degrees off, down in the face is up and to the right in the photo.
        assert (y < 0.2 * x) if sideways else (y > abs(x))
    if all(face.box[1] > 550 for face in result.faces):
        there = np.s_[425:535, 180:350]
        np.testing.assert_array_equal(result.image[there], photo[there])


def test_cases_stone(restored):
    photo, result = restored("gravel_crop.png")
    assert result.faces == []
    np.testing.assert_array_equal(result.image, photo)


def test_cases_text(restored):
    photo, result = restored("text_on_face.png")
    assert len(result.faces) == 1
    red, green, blue = photo.astype(int).transpose(2, 0, 1)
    text = (np.minimum(red, green) - blue > 130).astype(np.uint8)
    text = cv2.dilate(text, np.ones((3, 3), np.uint8)) > 0
    change = np.abs(result.image.astype(int) - photo).max(axis=2)
    assert text.sum() > 1000 and change[text].max() <= 3
    assert change.max() > 5


def test_cases_eye_color(restored):
    photo, result = restored("closeup_brown_eyes.png")
    (face,) = result.faces
    for x, y in np.rint(face.landmarks[:2]).astype(int):
        eye = np.s_[y - 12 : y + 13, x - 12 : x + 13]
        before, after = (image[eye].astype(float) for image in (photo, result.image))
        warmth = (after[..., 0] - after[..., 2]).mean() - (before[..., 0] - before[..., 2]).mean()
        assert abs(warmth) < 2


def test_cases_sepia(restored):
    photo, result = restored("sepia.jpg")
    (face,) = result.faces

    def hue(image):
        """Mean of red minus blue over luma, and how far pixels are from it."""
        x, y, width, height = (round(value) for value in face.box)
        part = image[y : y + height, x : x + width].astype(float)
        share = (part[..., 0] - part[..., 2]) / (part @ LUMA + 10)
        return share.mean(), share.std()

    (before, spread_before), (after, spread_after) = hue(photo), hue(result.image)
    assert abs(after - before) < 0.02 and spread_after < spread_before + 0.02
