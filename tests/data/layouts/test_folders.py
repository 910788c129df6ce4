from collections import Counter

import pytest
from PIL import Image

from psfr_tf.data.face_error import (
    CORRUPT_FILE,
    MISSING_MASK,
    MISSING_PICTURE,
    SAME_NAME,
    WRONG_SIZE,
)
from psfr_tf.data.layouts import ffhq as read_ffhq
from psfr_tf.data.layouts import plain_folder
from psfr_tf.errors import UserError

NAMES = ["00000", "00001", "00999", "01000", "59999", "60000"]


def kinds(faces) -> dict:
    return dict(Counter(fault.kind for _, fault in faces.faults))


def test_ffhq_as_shipped_and_flat(ffhq, tmp_path):
    faces = read_ffhq(ffhq, ffhq / "masks")
    assert [face.name for face in faces.faces] == NAMES
    assert [face.split for face in faces.faces] == ["train"] * 5 + ["val"]
    assert all(face.mask.stem == face.name for face in faces.faces)
    faces.check_headers()
    assert not faces.faults

    flat = tmp_path / "flat"
    flat.mkdir()
    for face in faces.faces:
        face.image.rename(flat / face.image.name)
    without_masks = read_ffhq(flat)
    assert [face.name for face in without_masks.faces] == NAMES
    assert not without_masks.has_masks and without_masks.faces[0].mask is None


def test_thumbnails_and_nested_masks(ffhq):
    (ffhq / "images1024x1024").rename(ffhq / "thumbnails128x128")
    for path in list((ffhq / "masks").iterdir()):
        folder = ffhq / "masks" / f"{int(path.stem) // 1000 * 1000:05d}"
        folder.mkdir(exist_ok=True)
        path.rename(folder / path.name)
    faces = read_ffhq(ffhq, ffhq / "masks")
    assert [face.mask.stem for face in faces.faces] == NAMES and not faces.faults


def test_faults_of_files_are_found_from_their_heads(ffhq):
    images = ffhq / "images1024x1024"
    Image.new("RGB", (64, 60)).save(images / "00000" / "00000.png")
    Image.new("RGB", (32, 32)).save(images / "00000" / "00001.png")
    cut = (images / "00000" / "00999.png").read_bytes()[:-100]
    (images / "00000" / "00999.png").write_bytes(cut)
    (images / "01000" / "01000.png").write_bytes(b"GIF89a, it says")
    (ffhq / "masks" / "59999.png").unlink()
    faces = read_ffhq(ffhq, ffhq / "masks")
    faces.check_headers()
    assert kinds(faces) == {WRONG_SIZE: 2, CORRUPT_FILE: 2, MISSING_MASK: 1}
    text = "\n".join(str(fault) for _, fault in faces.faults)
    assert "00000.png: 64x60 pixels, faces must be square" in text
    assert "00001.png: 32x32 pixels, the others have 64x64" in text
    assert "00999.png: the picture is truncated" in text
    assert "01000.png: neither a JPEG nor a PNG file" in text
    assert "59999.png: no parsing map 59999.png" in text
    assert len(faces.faces) == 6


def test_pictures_below_the_wanted_size_are_at_fault(ffhq):
    faces = read_ffhq(ffhq)
    faces.check_headers(min_size=128)
    assert kinds(faces) == {WRONG_SIZE: 6}
    assert "smaller than the size wanted, 128" in str(faces.faults[0][1])


def test_a_folder_that_is_not_ffhq_is_refused(ffhq, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "someone.png")
    with pytest.raises(UserError, match=r"not FFHQ: no pictures 00000\.png.*layout folder"):
        read_ffhq(tmp_path)
    with pytest.raises(UserError, match="nowhere: no such folder"):
        read_ffhq(ffhq, tmp_path / "nowhere")


def test_any_folder_with_or_without_masks_and_manifest(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("b.png", "a.jpg", "c.webp"):
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / name)
    bare = plain_folder(tmp_path / "images")
    assert [(face.name, face.split) for face in bare.faces] == [
        ("a", "train"),
        ("b", "train"),
        ("c", "train"),
    ]
    assert not bare.has_masks
    (tmp_path / "masks").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8)).save(tmp_path / "masks" / name)
    (tmp_path / "manifest.csv").write_text("name,split\nc,val\na,train\nghost,train\n")
    whole = plain_folder(tmp_path)
    assert [(face.name, face.split) for face in whole.faces] == [("c", "val"), ("a", "train")]
    assert kinds(whole) == {MISSING_MASK: 1, MISSING_PICTURE: 1}
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "a.png")
    assert kinds(plain_folder(tmp_path))[SAME_NAME] == 1
    whole.check_headers()
    assert kinds(whole) == {MISSING_MASK: 1, MISSING_PICTURE: 1}
    with pytest.raises(UserError, match=r"empty: no pictures in this folder"):
        (tmp_path / "empty").mkdir()
        plain_folder(tmp_path / "images", tmp_path / "empty")


@pytest.mark.parametrize(
    "name, layout", [("images1024x1024", "ffhq"), ("CelebA-HQ-img", "celebamask-hq")]
)
def test_the_tree_of_another_layout_is_refused(tmp_path, name, layout):
    (tmp_path / name).mkdir()
    (tmp_path / "masks512").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "masks512" / "00000.png")
    with pytest.raises(UserError, match=f"another layout: psfr prepare {layout}"):
        plain_folder(tmp_path)
