import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

from psfr_tf import demo
from psfr_tf.faces.align import face_transform, template
from psfr_tf.labels import COLORS
from psfr_tf.model_folder import save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.restore_result import RestoredFace


def test_degraded_photo_is_damaged_but_not_moved():
    photo = data.astronaut()
    damaged = demo.degrade_photo(photo)
    assert damaged.shape == photo.shape and damaged.dtype == np.uint8
    np.testing.assert_array_equal(damaged, demo.degrade_photo(photo))
    error = damaged.astype(float) - photo
    assert 10 * np.log10(255**2 / np.mean(error**2)) < 27
    # Least-squares shift along x and y.
    gray = photo.mean(axis=2)
    slope_y, slope_x = np.gradient(gray)
    slopes = np.stack([-slope_x.ravel(), -slope_y.ravel()], axis=1)
    shift, *_ = np.linalg.lstsq(slopes, (damaged.mean(axis=2) - gray).ravel(), rcond=None)
    assert np.abs(shift).max() < 0.1


def test_parsing_overlay_lies_on_the_face():
    photo = np.full((100, 120, 3), 200, np.uint8)
    parsing = np.zeros((64, 64), np.uint8)
    parsing[16:48, 16:48] = 1
    matrix = face_transform(template(64) + np.array([30, 20]), 64)
    blank = np.zeros((64, 64, 3), np.uint8)
    face = RestoredFace((30, 20, 64, 64), 1.0, template(64), matrix, blank, parsing, blank)
    picture = demo.overlay_parsing(photo, [face])
    np.testing.assert_allclose(picture[5, 5], 80, atol=1)
    np.testing.assert_allclose(picture[52, 62], 0.25 * 80 + 0.75 * COLORS[1], atol=2)
    np.testing.assert_allclose(picture[24, 34], 80, atol=2)  # background of the face


def test_demo_writes_the_picture_and_prints_its_path_last(tmp_path, capsys):
    keras.utils.set_random_seed(1)
    weights = save_model_folder(
        tmp_path / "model",
        Generator.from_preset("psfr-test-64", load_weights=False),
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False),
        preset="psfr-test-64",
    )
    assert demo.main(["--output", str(tmp_path / "demo"), "--weights", str(weights)]) == 0
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last == str(tmp_path / "demo" / "astronaut_before_after.png")
    with Image.open(last) as image:
        assert image.width > 4 * demo.PANEL and image.height > 2 * demo.PANEL


@pytest.mark.parametrize("box", [(0, 0, 50, 60), (460, 470, 52, 42), (200, 100, 90, 110)])
def test_zoom_stays_inside_the_photo(box):
    x0, y0, x1, y1 = demo._zoom_region(box, 512, 512)
    assert 0 <= x0 < x1 <= 512 and 0 <= y0 < y1 <= 512 and x1 - x0 == y1 - y0
