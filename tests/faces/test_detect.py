import numpy as np
import pytest
from PIL import Image
from skimage import data

from psfr_tf.faces.detect import FaceDetector


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


@pytest.fixture(scope="module")
def astronaut(detector):
    (face,) = detector(data.astronaut())
    return face


def test_astronaut(astronaut):
    x, y, width, height = astronaut.box
    assert 150 < x < 220 and 40 < y < 90 and 60 < width < 120 and 80 < height < 140
    assert astronaut.score > 0.99
    points = astronaut.landmarks
    assert points.shape == (5, 2) and points.dtype == np.float32
    left_eye, right_eye, nose, left_mouth, right_mouth = points
    assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]


def test_landmarks_are_not_rounded(astronaut):
    assert np.abs(astronaut.landmarks - np.rint(astronaut.landmarks)).max() > 0.01


def test_gray_photo(detector, astronaut):
    gray = np.repeat(data.astronaut()[..., 1:2], 3, axis=2)
    (face,) = detector(gray)
    assert np.abs(face.landmarks - astronaut.landmarks).max() < 5


def test_a_large_photo_is_searched_on_a_reduced_copy(monkeypatch, detector, astronaut):
    large = np.repeat(np.repeat(data.astronaut(), 3, axis=0), 3, axis=1)
    monkeypatch.setattr("psfr_tf.faces.detect._MAX_SIDE", 512)
    (face,) = detector(large)
    # Scaled by 3 about the corner of the picture, which is at (-0.5, -0.5).
    expected = (astronaut.landmarks + 0.5) * 3 - 0.5
    assert np.abs(face.landmarks - expected).max() < 1.0
    np.testing.assert_allclose(face.box, np.array(astronaut.box) * 3, atol=2)


def test_min_face_below_the_network_enlarges(detector):
    photo = data.astronaut()[40:200, 130:310]
    small = np.asarray(Image.fromarray(photo).resize((36, 32), Image.Resampling.BOX))
    assert detector(small) == []
    (face,) = detector(small, min_face=10)
    assert 10 <= face.box[2] <= 36 and face.landmarks.max() < 36


def test_filters(detector, astronaut):
    assert detector(data.astronaut(), min_face=astronaut.box[2] + 1) == []
    assert detector(data.astronaut(), min_score=1.0) == []


def test_order_is_top_to_bottom_then_left_to_right(detector):
    tile = data.astronaut()[:256, 50:350]
    faces = detector(np.vstack([np.hstack([tile, tile]), np.hstack([tile, tile])]))
    assert len(faces) == 4
    positions = [(face.box[1] > 200, face.box[0] > 250) for face in faces]
    tops = [face.box[1] for face in faces]
    assert tops == sorted(tops)
    assert set(positions) == {(False, False), (False, True), (True, False), (True, True)}


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (24, 24), (25, 25), (30, 600), (64, 64)])
def test_no_face(detector, shape):
    rng = np.random.default_rng(0)
    assert detector(np.zeros((*shape, 3), np.uint8)) == []
    assert detector(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)) == []


@pytest.mark.slow
def test_solvay(detector, photos_dir):
    photo = np.asarray(Image.open(photos_dir / "Solvay_conference_1927.jpg").convert("RGB"))
    faces = detector(photo)
    assert len(faces) == 29
    assert all(60 < face.box[2] < 90 and face.box[3] < 130 for face in faces)


@pytest.mark.parametrize("edge", ["top", "left", "right", "bottom", "corner"])
def test_a_face_cut_by_the_edge_is_found(detector, astronaut, edge):
    x, y, width, height = (round(value) for value in astronaut.box)
    left = x + width // 4 if edge in ("left", "corner") else 0
    top = y + height // 4 if edge in ("top", "corner") else 0
    right = x + 3 * width // 4 if edge == "right" else 512
    bottom = y + 9 * height // 10 if edge == "bottom" else 512
    photo = np.ascontiguousarray(data.astronaut()[top:bottom, left:right])
    (face,) = detector(photo)
    expected = astronaut.landmarks - [left, top]
    assert np.abs(face.landmarks - expected).max() < 0.1 * width
    x0, y0, box_width, box_height = face.box
    assert x0 >= 0 and y0 >= 0
    assert x0 + box_width <= photo.shape[1] and y0 + box_height <= photo.shape[0]


@pytest.mark.parametrize("gain, offset", [(0.1, 0), (0.25, 0), (0.15, 110), (0.2, 180)])
def test_faint_light_does_not_hide_a_face(detector, astronaut, gain, offset):
    photo = np.rint(data.astronaut()[:300, 60:420] * gain + offset).astype(np.uint8)
    (face,) = detector(photo)
    assert np.abs(face.landmarks - astronaut.landmarks + [60, 0]).max() < 6


def test_tiny_and_cut_faces_need_a_better_score(detector, monkeypatch):
    boxes = np.array([[30, 30, 80, 90], [110, 30, 135, 60], [20, -20, 60, 40]]) + 10.0  # the frame
    landmarks = np.arange(30.0).reshape(3, 5, 2) * 3 + 30
    photo = np.zeros((240, 240, 3), np.uint8)
    for score, count in ((0.94, 1), (0.96, 3)):
        found = boxes, np.full(3, score), landmarks
        monkeypatch.setattr(detector, "_search", lambda *_, found=found: found)
        assert len(detector(photo)) == count
