"""examples/face_in_app.py, which an app's author follows, equals the package."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from psfr_tf.faces.align import align_face, face_transform
from psfr_tf.faces.paste import AlignedDifference, detail, paste_faces

SIZE = 64
PHOTO = data.astronaut()
EYES_NOSE_MOUTH = np.array([[203, 114], [243, 116], [224, 139], [206, 152], [242, 153]], float)


@pytest.fixture(scope="module")
def app():
    path = Path(__file__).parents[2] / "examples" / "face_in_app.py"
    spec = importlib.util.spec_from_file_location("face_in_app", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("reduction", [1, 3])
@pytest.mark.parametrize("moved", [0, 190])
def test_align_and_paste(app, reduction, moved):
    """As it is and reduced; in the picture, and half of it outside."""
    photo = np.ascontiguousarray(PHOTO[::reduction, ::reduction])
    landmarks = (EYES_NOSE_MOUTH - [moved, 0]) / reduction
    matrix = face_transform(landmarks, SIZE)
    np.testing.assert_allclose(app.transform(landmarks, SIZE), matrix, atol=0.02)
    face = align_face(photo, matrix, SIZE)
    difference = np.abs(app.align(photo.astype(float), matrix, SIZE) - face)
    assert difference.mean() < 0.5 and np.quantile(difference, 0.999) < 8

    restored = np.clip(face[::-1] * 0.7 + 40, 0, 255)
    expected = paste_faces(photo, [AlignedDifference(matrix, detail(restored - face))])
    pasted = app.paste(photo.astype(float), matrix, face, restored)
    assert np.abs(expected.astype(int) - photo).max() > 30
    difference = np.abs(pasted - expected)
    assert difference.mean() < 0.2 and np.quantile(difference, 0.999) < 8


def test_short_enough_to_be_written_again():
    lines = (Path(__file__).parents[2] / "examples" / "face_in_app.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 80
