import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from psfr_tf.faces.align import align_face
from psfr_tf.faces.head_mask import covered, head_mask
from psfr_tf.labels import LABELS
from psfr_tf.restorer import FaceRestorer

SIZE = 256


def face():
    """A drawn face and its parsing map: hair, skin, brows, eyes, nose and mouth on a wall."""
    lq = np.full((SIZE, SIZE, 3), (190, 190, 200), np.uint8)
    parsing = np.zeros((SIZE, SIZE), np.uint8)

    def ellipse(center, axes, color, label):
        cv2.ellipse(lq, center, axes, 0, 0, 360, color, -1)
        cv2.ellipse(parsing, center, axes, 0, 0, 360, LABELS.index(label), -1)

    cv2.rectangle(lq, (0, 236), (255, 255), (40, 40, 60), -1)
    parsing[236:] = LABELS.index("cloth")
    ellipse((128, 125), (88, 105), (80, 60, 40), "hair")
    ellipse((128, 150), (60, 80), (205, 160, 135), "skin")
    for x, side in ((96, "r"), (159, "l")):
        ellipse((x, 106), (16, 3), (90, 65, 50), f"{side}_brow")
        ellipse((x, 120), (12, 6), (225, 220, 215), f"{side}_eye")
        ellipse((x, 120), (6, 6), (60, 45, 35), f"{side}_eye")
    ellipse((128, 148), (12, 16), (195, 148, 124), "nose")
    ellipse((128, 186), (26, 9), (180, 100, 95), "l_lip")
    ellipse((128, 185), (20, 4), (235, 230, 220), "mouth")
    return cv2.GaussianBlur(lq, (0, 0), 1).astype(np.float32), parsing


def written(lq, text, color, size, place):
    picture = Image.fromarray(lq.astype(np.uint8))
    font = ImageFont.load_default(size=size)
    ImageDraw.Draw(picture).text(place, text, color, font=font)
    image = np.array(picture).astype(np.float32)
    return image, np.abs(image - np.round(lq)).max(axis=2) > 40


def test_the_head_and_nothing_else():
    lq, parsing = face()
    mask = head_mask(lq, parsing)
    assert mask.dtype == np.float32 and mask.min() == 0 and mask.max() == 1
    head = parsing > 0
    head[236:] = False
    inside = cv2.erode(head.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    outside = cv2.dilate(head.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert mask[inside].min() > 0.99 and mask[outside].max() == 0


def test_a_hole_of_the_parsing_map_inside_the_face_is_filled():
    lq, parsing = face()
    parsing[130:160, 100:125] = 0
    assert head_mask(lq, parsing)[130:160, 100:125].min() > 0.99


@pytest.mark.parametrize("exposure", [1.0, 0.2])
@pytest.mark.parametrize(
    "color", [(255, 255, 0), (255, 255, 255), (0, 0, 0), (225, 20, 20), (30, 60, 230)]
)
def test_letters_stay(color, exposure):
    lq, parsing = face()
    image, letters = written(lq, "SAMPLE", color, 28, (76, 138))
    image, clean = image * exposure, lq * exposure
    assert letters.sum() > 500
    mask = head_mask(image, parsing)
    assert mask[letters].mean() < 0.02
    around = cv2.dilate(letters.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert mask[around].mean() < 0.05
    # Without letters nothing is left out, and away from them little.
    assert head_mask(clean, parsing)[100:215, 90:165].min() > 0.99
    assert mask[95:125, 85:170].mean() > 0.8


def test_a_surgical_mask_and_dark_glasses_stay():
    lq, parsing = face()
    for points, color in (
        ([(85, 145), (170, 145), (165, 200), (128, 218), (90, 200)], (120, 180, 215)),
        ([(78, 108), (178, 108), (172, 132), (84, 132)], (20, 20, 20)),
    ):
        image, labels = lq.copy(), parsing.copy()
        cv2.fillPoly(image, [np.array(points)], color)
        cv2.fillPoly(labels, [np.array(points)], 0)
        thing = np.abs(image - lq).max(axis=2) > 0
        assert head_mask(image, labels)[thing].mean() < 0.02


def test_a_hidden_mouth_is_not_drawn():
    lq, parsing = face()
    parsing[np.isin(parsing, [LABELS.index("l_lip"), LABELS.index("mouth")])] = 1
    assert head_mask(lq, parsing)[170:200, 90:165].max() < 0.01
    assert head_mask(lq, parsing)[110:130, 85:170].min() > 0.9


def test_nothing_covers_a_plain_portrait():
    lq, parsing = face()
    assert not covered(lq, parsing)[95:215, 70:185].any()
    assert not covered(np.full_like(lq, 128.0), parsing).any()


@pytest.fixture(scope="module")
def restorer():
    return FaceRestorer.from_pretrained("psfr-mobile-256", "litert")


def blurred(photo):
    small = cv2.resize(photo, None, fx=1 / 2, fy=1 / 2, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def test_text_over_a_face_is_unchanged(restorer):
    photo = blurred(data.astronaut()[:300, 60:420])
    picture = Image.fromarray(photo)
    font = ImageFont.load_default(size=28)
    ImageDraw.Draw(picture).text((70, 120), "SAMPLE 2024", (255, 255, 0), font=font)
    image = np.array(picture)
    letters = np.abs(image.astype(int) - photo).max(axis=2) > 60
    result = restorer.restore(image)
    assert len(result.faces) == 1
    change = np.abs(result.image.astype(int) - image).max(axis=2)
    assert change[letters].max() <= 2 and np.quantile(change[60:115, 120:190], 0.9) > 2


def test_a_grainy_wall_beside_the_head_is_unchanged(restorer):
    rng = np.random.default_rng(0)
    photo = blurred(data.astronaut()[:300, 60:420]).astype(float)
    photo = np.clip(photo + rng.normal(0, 14, (300, 360, 1)), 0, 255).astype(np.uint8)
    result = restorer.restore(photo)
    assert len(result.faces) == 1
    face = result.faces[0]
    change = np.abs(
        align_face(result.image, face.matrix, SIZE) - align_face(photo, face.matrix, SIZE)
    ).max(axis=2)
    wall = (face.parsing == LABELS.index("background")).astype(np.uint8)
    wall = cv2.erode(wall, np.ones((17, 17), np.uint8)) > 0
    assert wall.sum() > 3000 and change[wall].mean() < 0.1
    assert change[face.parsing == LABELS.index("skin")].mean() > 5
