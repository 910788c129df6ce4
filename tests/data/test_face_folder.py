import csv
from pathlib import Path

import pytest
from PIL import Image

from psfr_tf.data.face_folder import FaceFolder, read_split
from psfr_tf.errors import UserError


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three pictures and an empty folder of masks."""
    folder = tmp_path / "faces"
    (folder / "masks").mkdir(parents=True)
    for name in ("face2.png", "face0.jpg", "face1.PNG"):
        Image.new("RGB", (8, 8)).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_faces_are_sorted_by_name_or_in_the_given_order(folder):
    assert FaceFolder(folder).names == ["face0", "face1", "face2"]
    chosen = FaceFolder(folder, names=["face2", "face1"])
    assert [path.name for path in chosen.image_paths] == ["face2.png", "face1.PNG"]
    assert chosen.mask_paths is None


def test_pictures_in_sub_folders_are_found_if_there_are_none_above(folder, tmp_path):
    for number in ("01000", "00000"):
        (tmp_path / "ffhq" / number).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "ffhq" / number / f"{number}.png")
    nested = FaceFolder(tmp_path / "ffhq", tmp_path / "ffhq")
    assert nested.names == ["00000", "01000"]
    assert nested.mask_paths == nested.image_paths
    (folder / "more").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "more" / "other.png")
    assert FaceFolder(folder).names == ["face0", "face1", "face2"]


def test_read_split(tmp_path):
    manifest = tmp_path / "manifest.csv"
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["name", "split"], ["b", "train"], ["c", "test"], ["a", "train"]]
        )
    assert read_split(manifest, "train") == ["b", "a"]
    assert read_split(manifest, "test+train") == ["b", "c", "a"]
    with pytest.raises(
        UserError, match=r"manifest.csv: no face of split 'val'; it has test, train"
    ):
        read_split(manifest, "val")
    manifest.write_text("name,licence\na,CC0\n")
    with pytest.raises(UserError, match="columns name and split"):
        read_split(manifest, "train")
    with pytest.raises(UserError, match=r"none\.csv: cannot read"):
        read_split(tmp_path / "none.csv", "train")


def test_missing_folders_and_files_are_named(folder, tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        FaceFolder(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no \.jpg, \.jpeg, \.png pictures"):
        FaceFolder(folder / "masks")
    with pytest.raises(UserError, match=r"ghost \(and 1 more\): not found in"):
        FaceFolder(folder, names=["face1", "ghost", "ghost2"])
    with pytest.raises(UserError, match=r"face0.png \(and 2 more\): no such parsing map"):
        FaceFolder(folder, folder / "masks")
    with pytest.raises(UserError, match="list of names is empty"):
        FaceFolder(folder, names=[])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the file is empty"),
        (b"GIF89a and more", "neither a JPEG nor a PNG"),
        (b"\xff\xd8\xff\xe0 cut short", "truncated"),
        (b"\x89PNG\r\n\x1a\n cut short", "truncated"),
    ],
)
def test_files_that_are_no_pictures_are_named(tmp_path, content, complaint):
    (tmp_path / "bad.jpg").write_bytes(content)
    with pytest.raises(UserError, match=f"bad.jpg: .*{complaint}"):
        FaceFolder(tmp_path)


def test_two_pictures_of_one_name_are_refused(tmp_path):
    for suffix in ("jpg", "png"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"twin.{suffix}")
    with pytest.raises(UserError, match=r"twin.png: .*twin.jpg has the same name"):
        FaceFolder(tmp_path)


def test_pictures_that_tensorflow_would_not_show_upright_are_refused(folder):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (8, 8)).save(folder / "face0.jpg", exif=exif)
    with pytest.raises(UserError, match=r"face0\.jpg: turned by its EXIF orientation.*prepare"):
        FaceFolder(folder)
    exif[0x0112] = 1
    Image.new("RGB", (8, 8)).save(folder / "face0.jpg", exif=exif)
    assert len(FaceFolder(folder)) == 3
    Image.new("RGB", (8, 6)).save(folder / "face0.jpg")
    with pytest.raises(UserError, match=r"face0\.jpg: 8x6 pixels, faces must be square"):
        FaceFolder(folder)
