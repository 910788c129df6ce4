"""JPEG files decode to the pixels that Pillow, and so every viewer, shows."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data

from psfr_tf.data.decoding import decode_rgb
from psfr_tf.data.face_folder import FaceFolder
from psfr_tf.data.face_loader import face_loader


@pytest.fixture
def jpeg():
    file = io.BytesIO()
    Image.fromarray(data.astronaut()[:256, 100:356]).save(file, "JPEG", quality=30)
    return file.getvalue()


def pillows(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_jpeg(jpeg):
    difference = np.abs(decode_rgb(jpeg).numpy() - pillows(jpeg)).max()
    fast = np.abs(tf.io.decode_image(jpeg, channels=3).numpy() - pillows(jpeg)).max()
    assert difference <= 1 < fast


@pytest.mark.parametrize("keep", [False, True])
def test_training_targets(jpeg, tmp_path, keep):
    (tmp_path / "a.jpg").write_bytes(jpeg)
    hq, _ = face_loader(FaceFolder(tmp_path), 256, keep)(tf.constant(0))
    assert np.abs(hq.numpy() - pillows(jpeg)).max() <= 1


def test_a_served_face(jpeg):
    from psfr_tf.export.face_bytes import decode_faces

    served = decode_faces(tf.constant([jpeg]), 256).numpy()[0]
    assert np.abs(served - pillows(jpeg)).max() <= 1


def test_png_and_gray():
    for pixels in (data.astronaut()[:32, :32], data.astronaut()[:32, :32, 0]):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        np.testing.assert_array_equal(decode_rgb(file.getvalue()).numpy(), pillows(file.getvalue()))
