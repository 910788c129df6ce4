from collections import Counter

import numpy as np
import pytest
from PIL import Image

from psfr_tf.data.face_error import (
    CORRUPT_FILE,
    MISSING_MASK,
    MISSING_PICTURE,
    UNKNOWN_LABEL,
    WRONG_SIZE,
    FaceError,
)
from psfr_tf.data.layouts import celebamask_hq as read_layout
from psfr_tf.data.layouts.celebamask_hq import compose_parts, read_mapping
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.errors import UserError
from psfr_tf.labels import LABELS


def kinds(faces) -> dict:
    return dict(Counter(fault.kind for _, fault in faces.faults))


def test_faces_have_their_parts_and_their_split(celebamask_hq):
    faces = read_layout(celebamask_hq)
    assert [(face.name, face.split) for face in faces.faces] == [
        ("0", "train"),
        ("1", "val"),
        ("2", "val"),
        ("1999", "test"),
        ("2000", "train"),
    ]
    assert faces.has_masks and not faces.faults
    for seed, face in enumerate(faces.faces):
        np.testing.assert_array_equal(compose_parts(face.mask), draw_face(seed, 64)[1])


def test_the_mapping_may_lack_its_titles(celebamask_hq):
    mapping = celebamask_hq / "CelebA-HQ-to-CelebA-mapping.txt"
    with_titles = read_mapping(mapping)
    mapping.write_text("\n".join(mapping.read_text().splitlines()[1:]))
    assert read_mapping(mapping) == with_titles
    mapping.write_text("0 1\n")
    with pytest.raises(UserError, match=r"mapping\.txt: line 1: expected idx orig_idx orig_file"):
        read_mapping(mapping)
    mapping.write_text("")
    with pytest.raises(UserError, match="has no faces"):
        read_mapping(mapping)


def test_left_and_right_are_the_persons_own(celebamask_hq):
    face = read_layout(celebamask_hq).faces[0]
    labels = compose_parts(face.mask)
    for part in ("eye", "brow", "ear"):
        left = np.argwhere(labels == LABELS.index(f"l_{part}"))[:, 1].mean()
        right = np.argwhere(labels == LABELS.index(f"r_{part}"))[:, 1].mean()
        assert right < 32 < left  # columns: the person's left is on the right of the picture
        with Image.open(face.mask[f"l_{part}"]) as image:
            np.testing.assert_array_equal(
                labels == LABELS.index(f"l_{part}"), np.asarray(image.convert("L")) > 0
            )


def test_later_parts_cover_earlier_ones(tmp_path):
    """Each part is a band that overlaps all the parts before it."""
    parts = {}
    for value, name in enumerate(LABELS):
        if value:
            part = np.zeros((32, 32), np.uint8)
            part[value:] = 255
            parts[name] = tmp_path / f"00000_{name}.png"
            Image.fromarray(part).save(parts[name])
    rows = compose_parts(dict(reversed(parts.items())))[:, 0]
    np.testing.assert_array_equal(rows, np.minimum(np.arange(32), 18))
    del parts["cloth"], parts["skin"]
    rows = compose_parts(parts)[:, 0]
    np.testing.assert_array_equal(rows[:3], [0, 0, 2])
    assert rows[-1] == LABELS.index("neck")


def test_what_is_missing_or_unknown_is_a_fault_of_one_face(celebamask_hq):
    (celebamask_hq / "CelebA-HQ-img" / "1.jpg").unlink()
    parts = celebamask_hq / "CelebAMask-HQ-mask-anno"
    (parts / "0" / "00000_beard.png").write_bytes(b"")
    (parts / "0" / "notes.txt").write_text("not a part")
    for path in (parts / "1").iterdir():
        path.unlink()
    faces = read_layout(celebamask_hq)
    assert kinds(faces) == {MISSING_PICTURE: 1, MISSING_MASK: 1, UNKNOWN_LABEL: 1}
    assert {name for name, _ in faces.faults} == {"0", "1", "2000"}
    assert len(faces.faces) == 4
    text = "; ".join(str(fault) for _, fault in faces.faults)
    assert "1.jpg: no such picture" in text
    assert "00000_beard.png: beard is none of the parts" in text
    assert "2000.jpg: no part files 02000_*.png" in text


def test_parts_of_wrong_size_and_broken_parts_are_named(celebamask_hq):
    first, second = read_layout(celebamask_hq).faces[:2]
    Image.new("L", (32, 64)).save(first.mask["hair"])
    with pytest.raises(FaceError, match=r"00000_hair\.png: 32x64 pixels, expected 64x64") as caught:
        compose_parts(first.mask)
    assert caught.value.kind == WRONG_SIZE
    second.mask["nose"].write_bytes(b"rubbish")
    with pytest.raises(FaceError, match=r"00001_nose\.png: cannot read the part") as caught:
        compose_parts(second.mask)
    assert caught.value.kind == CORRUPT_FILE


@pytest.mark.parametrize(
    "name", ["CelebA-HQ-img", "CelebAMask-HQ-mask-anno", "CelebA-HQ-to-CelebA-mapping.txt"]
)
def test_another_layout_is_refused_in_one_line(celebamask_hq, name):
    (celebamask_hq / name).rename(celebamask_hq / "elsewhere")
    with pytest.raises(UserError, match=f"not CelebAMask-HQ as downloaded: {name} is missing"):
        read_layout(celebamask_hq)
