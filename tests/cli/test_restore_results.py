"""`psfr restore`: which faces, which folders, and what the results hold."""

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from psfr_tf.cli import main
from psfr_tf.restorer import FaceRestorer


@pytest.fixture(scope="module")
def two_faces():
    """A photo with two faces, the right one larger."""
    face = data.astronaut()[:256, 100:356]
    small = np.asarray(Image.fromarray(face).resize((192, 192)))
    photo = np.full((256, 460, 3), 128, np.uint8)
    photo[:192, :192] = small
    photo[:, 204:] = face
    return photo


def psfr(*arguments):
    args = main.parse_arguments(["psfr", "restore", *map(str, arguments)])
    return main.run(args)


def changed(photo, result):
    """Whether the left and the right half were changed."""
    different = (photo != result).any(axis=2)
    return bool(different[:, :200].any()), bool(different[:, 200:].any())


@pytest.mark.parametrize(
    "faces, expected",
    [
        ("all", (True, True)),
        ("largest", (False, True)),
        ("center", (False, True)),
        ("1", (True, False)),
    ],
)
def test_choice_of_faces(tmp_path, two_faces, faces, expected):
    # From top to bottom: the larger face's box begins higher.
    Image.fromarray(two_faces).save(tmp_path / "a.png")
    options = ("-o", tmp_path / "out", "--boxes", "--faces", faces)
    assert psfr("-i", tmp_path / "a.png", *options) == 0
    result = np.asarray(Image.open(tmp_path / "out" / "restored" / "a.png"))
    restorer = FaceRestorer.from_pretrained("psfr-mobile-256")
    boxes = [face.box for face in restorer.restore(two_faces).faces]
    assert len(boxes) == 2
    if faces == "1":
        expected = (boxes[1][0] < 200, boxes[1][0] >= 200)
    assert changed(two_faces, result) == expected
    assert (tmp_path / "out" / "boxes" / "a.jpg").is_file()


def test_a_face_that_is_not_there_is_one_line(tmp_path, capsys):
    Image.fromarray(data.gravel()).save(tmp_path / "a.png")
    assert psfr(tmp_path / "a.png", "-o", tmp_path / "out", "--faces", "0,2") == 1
    assert "no face number 0, 2: no face was found" in capsys.readouterr().err


def _described(path):
    """A JPEG turned by EXIF, with date, place and a wide color profile; its face is upright."""
    exif = Image.Exif()
    exif[0x0112], exif[0x0132] = 6, "1950:01:02 03:04:05"
    exif.get_ifd(0x8769)[0x9003] = "1950:01:02 03:04:05"
    exif.get_ifd(0x8825)[1] = "N"
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = profile.index(b"rXYZ", 128)  # a red that sRGB has not
    offset = int.from_bytes(profile[at + 4 : at + 8], "big")
    profile[offset + 8 : offset + 12] = int(0.52 * 65536).to_bytes(4, "big")
    picture = Image.fromarray(np.rot90(data.astronaut()[:256, 100:356]).copy())
    picture.save(path, exif=exif, icc_profile=bytes(profile), quality=95)
    return bytes(profile)


@pytest.mark.parametrize("ending", ["keep", "png", "webp"])
def test_metadata_are_kept(tmp_path, ending):
    profile = _described(tmp_path / "a.jpg")
    assert psfr(tmp_path / "a.jpg", "-o", tmp_path / "out", "--format", ending) == 0
    suffix = "jpg" if ending == "keep" else ending
    with Image.open(tmp_path / "out" / "restored" / f"a.{suffix}") as result:
        exif = result.getexif()
        assert 0x0112 not in exif and exif[0x0132] == "1950:01:02 03:04:05"
        assert exif.get_ifd(0x8769)[0x9003] == "1950:01:02 03:04:05"
        assert exif.get_ifd(0x8825)[1] == "N"
        assert result.info["icc_profile"] == profile
        after = np.asarray(result)
    with Image.open(tmp_path / "a.jpg") as photo:
        before = np.rot90(np.asarray(photo), -1)
    # In the colors of the file; away from the face not a level is changed.
    same = (before == after).all(axis=2)
    assert same[-20:].mean() == 1 or suffix != "png"
    assert 0.05 < 1 - same.mean() < 0.9 or suffix != "png"
    assert np.abs(before.astype(int) - after).mean() < 6


def test_strip(tmp_path):
    _described(tmp_path / "a.jpg")
    assert psfr(tmp_path / "a.jpg", "-o", tmp_path / "out", "--strip", "--format", "jpg") == 0
    with Image.open(tmp_path / "out" / "restored" / "a.jpg") as result:
        assert not result.getexif() and "icc_profile" not in result.info
        assert result.size == (256, 256)


def test_subfolders(tmp_path, capsys):
    stone = Image.fromarray(data.gravel()[:64, :64])
    for name in ("a.png", "x/a.png", "x/y/b.png", ".hidden/c.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        stone.save(tmp_path / "in" / name)
    out = tmp_path / "in" / "results"
    for _ in range(2):  # the second time, the results are among the subfolders
        assert psfr(tmp_path / "in", "--recursive", "-o", out) == 0
        written = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.png"))
        assert written == ["restored/a.png", "restored/x/a.png", "restored/x/y/b.png"]
    assert "subfolder" not in capsys.readouterr().err


def test_compare(tmp_path):
    photo = data.astronaut()[:128, 130:330]
    Image.fromarray(photo).save(tmp_path / "a.png")
    assert psfr(tmp_path / "a.png", "-o", tmp_path / "out", "--compare", "-s", 2) == 0
    with Image.open(tmp_path / "out" / "compare" / "a.jpg") as picture:
        assert picture.size[1] == 256 and 800 <= picture.size[0] <= 810


def test_restorer_takes_and_saves_what_people_have(tmp_path):
    restorer = FaceRestorer.from_pretrained("psfr-mobile-256")
    rgb = np.ascontiguousarray(data.astronaut()[:256, 100:356])
    Image.fromarray(rgb).save(tmp_path / "a.png")
    expected = restorer.restore(rgb).image
    for photo in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(rgb)):
        np.testing.assert_array_equal(restorer.restore(photo).image, expected)
    alpha = np.dstack([rgb, np.arange(256, dtype=np.uint8)[None].repeat(256, axis=0)])
    result = restorer.restore(alpha)
    np.testing.assert_array_equal(result.image, expected)
    result.save(tmp_path / "b.webp", quality=100)
    assert Image.open(tmp_path / "b.webp").mode == "RGBA"
    restorer.restore(rgb[..., 0]).save(tmp_path / "c.jpg")
    assert Image.open(tmp_path / "c.jpg").mode == "L"
