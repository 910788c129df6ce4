import numpy as np
import pytest
from PIL import Image

from psfr_tf.data.face_error import (
    CORRUPT_FILE,
    UNKNOWN_COLOR,
    UNKNOWN_LABEL,
    WRONG_SIZE,
    FaceError,
)
from psfr_tf.data.parsing_map import read_labels, read_mask, resize_labels
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.labels import COLORS, NUM_CLASSES

ALL = np.repeat(np.arange(NUM_CLASSES, dtype=np.uint8), 19).reshape(19, 19)


def palette_picture(values: np.ndarray, palette: np.ndarray) -> Image.Image:
    image = Image.fromarray(values)
    image.putpalette(palette.tobytes())
    assert image.mode == "P"
    return image


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(ALL),
        palette_picture(ALL, COLORS),
        palette_picture(ALL, np.arange(57, dtype=np.uint8).reshape(19, 3)),
        Image.fromarray(COLORS[ALL]),
        Image.fromarray(COLORS[ALL]).convert("RGBA"),
        # A color picture that an optimizer has turned into a palette in its own order.
        palette_picture(18 - ALL, COLORS[::-1]),
    ],
    ids=["gray", "palette", "other palette", "colors", "with alpha", "colors in a palette"],
)
def test_every_form_of_a_parsing_map_gives_its_labels(image, tmp_path):
    image.save(tmp_path / "map.png")
    labels = read_labels(tmp_path / "map.png")
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, ALL)


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        (Image.new("L", (8, 8), 19), UNKNOWN_LABEL, "label 19 found"),
        (Image.new("L", (8, 9)), WRONG_SIZE, "this one is 8x9"),
        (Image.new("RGB", (4, 4), (204, 0, 1)), UNKNOWN_COLOR, r"\(204, 0, 1\) in 16 pixels"),
        (Image.new("I;16", (8, 8)), UNKNOWN_LABEL, "Pillow mode I;16"),
    ],
)
def test_faults_are_named_and_sorted_into_kinds(image, kind, message, tmp_path):
    image.save(tmp_path / "map.png")
    with pytest.raises(FaceError, match=rf"map\.png: .*{message}") as caught:
        read_labels(tmp_path / "map.png")
    assert caught.value.kind == kind


def test_a_truncated_map_is_corrupt(tmp_path):
    path = tmp_path / "map.png"
    Image.fromarray(draw_face(0, 64)[1]).save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FaceError, match="cannot read the parsing map") as caught:
        read_labels(path)
    assert caught.value.kind == CORRUPT_FILE


def test_resize_takes_the_nearest_pixel_center(tmp_path):
    labels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    np.testing.assert_array_equal(resize_labels(labels, 2), [[5, 7], [13, 15]])
    np.testing.assert_array_equal(resize_labels(labels, 8), np.kron(labels, np.ones((2, 2))))
    np.testing.assert_array_equal(resize_labels(labels, 3)[0], [0, 2, 3])
    Image.fromarray(labels).save(tmp_path / "map.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "map.png", 2), [[5, 7], [13, 15]])
