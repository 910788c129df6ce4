import numpy as np
import pytest

from psfr_tf.data.toy_faces import draw_face
from psfr_tf.labels import LABELS


def test_same_seed_same_face():
    for first, again in zip(draw_face(5, 64), draw_face(5, 64), strict=True):
        np.testing.assert_array_equal(first, again)
    assert np.abs(draw_face(5, 64)[0].astype(int) - draw_face(6, 64)[0]).mean() > 5


@pytest.mark.parametrize("size", [32, 100, 512])
def test_shapes_and_labels(size):
    rgb, labels = draw_face(0, size)
    assert rgb.shape == (size, size, 3) and rgb.dtype == np.uint8
    assert labels.shape == (size, size) and labels.dtype == np.uint8
    always = {"background", "skin", "nose", "l_eye", "r_eye", "l_brow", "r_brow", "hair", "cloth"}
    assert {LABELS.index(name) for name in always} <= set(np.unique(labels))


def test_every_class_is_drawn_by_some_seed():
    seen = set()
    for seed in range(12):
        seen |= set(np.unique(draw_face(seed, 128)[1]))
    assert seen == set(range(len(LABELS)))


def test_eyes_and_mouth_are_where_ffhq_alignment_puts_them():
    centers = []
    for seed in range(6):
        _, labels = draw_face(seed, 256)
        eyes = [
            np.argwhere(labels == LABELS.index(name)).mean(axis=0) for name in ("r_eye", "l_eye")
        ]
        lips = np.argwhere(np.isin(labels, (10, 11, 12))).mean(axis=0)
        centers.append([*eyes, lips])
    expected = np.array([[240, 193], [240, 319], [371, 257]]) / 2  # (y, x), FFHQ 512 template
    np.testing.assert_allclose(np.mean(centers, axis=0), expected, atol=4)


def test_picture_and_labels_agree():
    rgb, labels = draw_face(1, 128)
    cloth = rgb[labels == LABELS.index("cloth")].astype(float)
    assert cloth.std(axis=0).max() < 30 < np.abs(cloth.mean(axis=0) - rgb.mean(axis=(0, 1))).max()


@pytest.mark.parametrize("size", [8, 2048])
def test_size_out_of_range(size):
    with pytest.raises(ValueError, match=f"Received: {size}"):
        draw_face(0, size)
