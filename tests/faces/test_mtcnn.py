"""Our MTCNN against the package's, which needs TensorFlow."""

import functools

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from psfr_tf.faces.mtcnn import MTCNN

TILES = [  # x, y, side
    *((0, 0, 300), (310, 5, 150), (500, 100, 420), (20, 420, 90), (150, 400, 240)),
    *((940, 300, 350), (1200, 10, 100), (1255, 700, 90), (400, 560, 330)),
]


def collage():
    """Faces of many sizes; some lie at the edges, one is cut by it."""
    canvas = np.full((900, 1300, 3), (90, 110, 130), np.uint8)
    for x, y, side in TILES:
        part = canvas[y : y + side, x : x + side]
        tile = cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_AREA)
        part[...] = tile[: part.shape[0], : part.shape[1]]
    return canvas


def noise(height, width, spread):
    values = np.random.default_rng(0).normal(128, spread, (height, width, 3))
    return np.clip(values, 0, 255).astype(np.uint8)


PHOTOS = {
    "astronaut": data.astronaut,
    "astronaut, dim and turned": lambda: np.rot90(data.astronaut() // 3).copy(),
    "face only": lambda: data.astronaut()[70:160, 180:270],
    "collage": collage,
    "stones": lambda: np.repeat(data.gravel()[..., None], 3, axis=2),
    "noise": lambda: noise(200, 301, 50),
    "wide": lambda: np.tile(data.astronaut()[40:170, 150:300], (1, 4, 1)),
    "tiny": lambda: data.astronaut()[60:85, 180:211],
    "smallest": lambda: np.zeros((13, 12, 3), np.uint8),
    "black": lambda: np.zeros((64, 64, 3), np.uint8),
}


@pytest.fixture(scope="module")
def ours():
    return MTCNN()


@pytest.fixture(scope="module")
def theirs():
    package = pytest.importorskip("mtcnn", reason="mtcnn is a development dependency")
    return package.MTCNN(device="CPU:0")


def assert_equal(ours, theirs, photo, min_score):
    rows = theirs.detect_faces(
        photo, output_type="numpy", box_format="xyxy", threshold_onet=min_score
    )
    rows = np.asarray(rows, np.float64).reshape(-1, 16)[:, 1:]
    boxes, scores, landmarks = ours(photo, min_score)
    received = np.concatenate([boxes, scores[:, None], landmarks.swapaxes(1, 2).reshape(-1, 10)], 1)
    assert received.shape == rows.shape
    received, rows = (each[np.lexsort(each[:, :2].round().T)] for each in (received, rows))
    np.testing.assert_allclose(received[:, :4], rows[:, :4], atol=0.1)
    np.testing.assert_allclose(received[:, 4], rows[:, 4], atol=1e-4)
    np.testing.assert_allclose(received[:, 5:], rows[:, 5:], atol=0.1)
    return len(rows)


@pytest.mark.parametrize("name", PHOTOS)
def test_equals_the_package(ours, theirs, name):
    # The lower score lets through what the networks are unsure of.
    found = assert_equal(ours, theirs, PHOTOS[name](), 0.8 if name == "collage" else 0.4)
    least = {"astronaut": 1, "collage": 7, "stones": 1, "wide": 4}
    assert found >= least.get(name, 0)


@pytest.mark.slow
def test_equals_the_package_on_a_group(ours, theirs, photos_dir, monkeypatch):
    """Where P-Net gives two boxes the same score, the package leaves the order to numpy."""
    monkeypatch.setattr(np, "argsort", functools.partial(np.argsort, kind="stable"))
    photo = np.asarray(Image.open(photos_dir / "Solvay_conference_1927.jpg").convert("RGB"))
    assert assert_equal(ours, theirs, photo, 0.8) == 29


def test_suppression_in_blocks(monkeypatch):
    """The order is by score, and a box that is dropped drops others."""
    from psfr_tf.faces import mtcnn

    random = np.random.default_rng(0)
    corners = random.uniform(0, 60, (300, 2))
    boxes = np.concatenate([corners, corners + random.uniform(5, 40, (300, 2))], axis=1)
    scores = random.uniform(size=300)
    for of_smaller in (False, True):
        expected = [
            i
            for i in np.argsort(-scores)
            if not any(
                scores[j] > scores[i] and overlap(boxes[i], boxes[j], of_smaller) > 0.5
                for j in range(300)
            )
        ]
        for block in (7, 1000):
            monkeypatch.setattr(mtcnn, "_BLOCK", block)
            assert mtcnn._kept(boxes, scores, 0.5, of_smaller).tolist() == expected
    assert 5 < len(expected) < 250


def overlap(one, other, of_smaller):
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = np.prod(np.maximum(sides, 0))
    areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
    return shared / (min(areas) if of_smaller else sum(areas) - shared)
