import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from psfr_tf import picture_file
from psfr_tf.errors import UserError
from psfr_tf.photo import Photo, read_photo, write_photo


@pytest.fixture
def rgb():
    """Smooth colors, so that JPEG keeps them."""
    y, x = np.mgrid[0:24, 0:32]
    return np.stack([x * 8, y * 10, 255 - x * 4], axis=2).astype(np.uint8)


def save(path, pixels, mode=None, **options):
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def png(width, height, depth, color, rows):
    """A PNG written by hand: Pillow cannot write 16-bit color."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def test_rgb_png(tmp_path, rgb):
    photo = read_photo(save(tmp_path / "a.png", rgb))
    np.testing.assert_array_equal(photo.rgb, rgb)
    assert photo.rgb.dtype == np.uint8 and photo.alpha is None and not photo.was_gray


@pytest.mark.parametrize(
    "orientation, turns, mirrored", [(3, 2, False), (6, 3, False), (2, 0, True)]
)
def test_exif_orientation(tmp_path, rgb, orientation, turns, mirrored):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(save(tmp_path / "a.png", rgb, exif=exif))
    expected = rgb[:, ::-1] if mirrored else np.rot90(rgb, turns)
    np.testing.assert_array_equal(photo.rgb, expected)


def test_alpha(tmp_path, rgb):
    alpha = np.arange(24 * 32).reshape(24, 32).astype(np.uint8)
    photo = read_photo(save(tmp_path / "a.png", np.dstack([rgb, alpha])))
    np.testing.assert_array_equal(photo.rgb, rgb)
    np.testing.assert_array_equal(photo.alpha, alpha)


def test_gray_with_alpha(tmp_path, rgb):
    pixels = np.dstack([rgb[..., 0], rgb[..., 1]])
    path = tmp_path / "a.png"
    Image.merge(
        "LA", [Image.fromarray(np.ascontiguousarray(p)) for p in np.moveaxis(pixels, 2, 0)]
    ).save(path)
    photo = read_photo(path)
    np.testing.assert_array_equal(photo.rgb, np.dstack([rgb[..., 0]] * 3))
    np.testing.assert_array_equal(photo.alpha, rgb[..., 1])
    assert photo.was_gray


def test_gray(tmp_path, rgb):
    photo = read_photo(save(tmp_path / "a.png", np.ascontiguousarray(rgb[..., 0])))
    np.testing.assert_array_equal(photo.rgb, np.dstack([rgb[..., 0]] * 3))
    assert photo.was_gray


def test_one_bit(tmp_path, rgb):
    photo = read_photo(save(tmp_path / "a.png", rgb, "1"))
    assert set(np.unique(photo.rgb)) == {0, 255} and photo.was_gray


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_gray(tmp_path, suffix):
    values = np.arange(0, 65536, 128, dtype=np.uint16).reshape(16, 32) | 127
    path = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(path), values)
    photo = read_photo(path)
    np.testing.assert_array_equal(photo.rgb[..., 1], np.rint(values / 257).astype(np.uint8))
    assert photo.was_gray


def test_16_bit_gray_with_a_transparent_value(tmp_path):
    values = np.arange(0, 65536, 128, dtype=np.uint16).reshape(16, 32)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=int(values[3, 5]))
    photo = read_photo(tmp_path / "a.png")
    assert photo.was_gray and np.argwhere(photo.alpha == 0).tolist() == [[3, 5]]


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_color(tmp_path, suffix):
    values = np.random.default_rng(0).integers(0, 65536, (11, 13, 3), dtype=np.uint16)
    values[0, 0] = 0, 65535, 32768
    path = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(path), values[..., ::-1])
    photo = read_photo(path)
    assert np.abs(photo.rgb - values / 257).max() <= 1.0
    np.testing.assert_array_equal(photo.rgb[0, 0, :2], [0, 255])
    assert not photo.was_gray


def test_16_bit_color_with_alpha(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (5, 6, 4), dtype=np.uint16)
    path = tmp_path / "a.png"
    path.write_bytes(png(6, 5, 16, 6, [row.astype(">u2").tobytes() for row in values]))
    photo = read_photo(path)
    assert np.abs(photo.rgb - values[..., :3] / 257).max() <= 1.0
    assert np.abs(photo.alpha - values[..., 3] / 257).max() <= 1.0


@pytest.mark.parametrize("transparent", [False, True])
def test_palette(tmp_path, transparent):
    image = Image.new("P", (4, 2))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putpixel((1, 1), 1)
    options = {"transparency": 1} if transparent else {}
    image.save(tmp_path / "a.png", **options)
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.rgb[0, 0], [10, 20, 30])
    np.testing.assert_array_equal(photo.rgb[1, 1], [200, 100, 0])
    if transparent:
        assert photo.alpha[1, 1] == 0 and photo.alpha.sum() == 7 * 255
    else:
        assert photo.alpha is None


def test_cmyk_jpeg(tmp_path, rgb):
    # Pillow writes CMYK JPEGs as Adobe does: inverted, with the Adobe marker.
    path = save(tmp_path / "a.jpg", rgb, "CMYK", quality=98)
    assert b"Adobe" in path.read_bytes()[:200]
    assert np.abs(read_photo(path).rgb.astype(int) - rgb).mean() < 3


def test_float_tiff(tmp_path):
    path = tmp_path / "a.tiff"
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(path)
    np.testing.assert_array_equal(read_photo(path).rgb[0, :, 0], [0, 128, 255])
    Image.fromarray(np.array([[0.0, 7.5]], np.float32)).save(path)
    with pytest.raises(UserError, match=r"outside 0\.\.1"):
        read_photo(path)


def test_color_profile_is_converted_to_srgb(tmp_path, rgb):
    # A Lab picture with its profile is a conversion whose answer is known.
    lab = ImageCms.createProfile("LAB")
    srgb = ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(Image.fromarray(rgb), srgb, lab, outputMode="LAB")
    image.save(tmp_path / "a.tiff", icc_profile=ImageCms.ImageCmsProfile(lab).tobytes())
    assert np.abs(read_photo(tmp_path / "a.tiff").rgb.astype(int) - rgb).mean() < 3


def test_srgb_profile_changes_nothing(tmp_path, rgb):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = read_photo(save(tmp_path / "a.png", rgb, icc_profile=profile))
    assert np.abs(photo.rgb.astype(int) - rgb).max() <= 1


def test_broken_profile_is_ignored(tmp_path, rgb):
    photo = read_photo(save(tmp_path / "a.png", rgb, icc_profile=b"not a profile"))
    np.testing.assert_array_equal(photo.rgb, rgb)


def test_one_pixel(tmp_path):
    assert read_photo(save(tmp_path / "a.png", np.zeros((1, 1, 3), np.uint8))).rgb.shape == (
        1,
        1,
        3,
    )


def test_above_pillows_own_limit(tmp_path, rgb, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = save(tmp_path / "a.png", rgb)
    np.testing.assert_array_equal(read_photo(path).rgb, rgb)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_above_our_limit_is_refused_from_the_header(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(60_000, 60_000, 8, 2, [b"\0" * 30]))
    with pytest.raises(UserError, match=r"bomb\.png: 60000x60000 pixels are more than"):
        read_photo(path)


def _broken(folder, kind, rgb):
    path = folder / "photo.jpg"
    if kind == "directory":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is not a picture")
    elif kind == "truncated":
        save(path, np.repeat(np.repeat(rgb, 8, 0), 8, 1))
        path.write_bytes(path.read_bytes()[:700])
    elif kind == "truncated png":
        save(
            path,
            np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8),
            format="PNG",
        )
        path.write_bytes(path.read_bytes()[:3000])
    elif kind == "header only":
        path.write_bytes(b"\x89PNG\r\n\x1a\n")
    return path


@pytest.mark.parametrize(
    "kind, reason",
    [
        ("missing", "no such file"),
        ("directory", "is a directory"),
        ("empty", "empty"),
        ("text", "not an image"),
        ("truncated", "truncated"),
        ("truncated png", "truncated"),
        ("header only", "not an image|damaged"),
    ],
)
def test_one_clear_line(tmp_path, rgb, kind, reason):
    path = _broken(tmp_path, kind, rgb)
    with pytest.raises(UserError, match=reason) as error:
        read_photo(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path, rgb):
    path = save(tmp_path / "a.png", rgb)
    path.chmod(0)
    with pytest.raises(UserError, match="permission denied"):
        read_photo(path)


def test_unreadable_without_permissions(tmp_path, rgb, monkeypatch):
    path = save(tmp_path / "a.png", rgb)

    def refuse(path, *arguments):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(picture_file, "open", refuse, raising=False)
    with pytest.raises(UserError, match=r"a\.png: permission denied"):
        read_photo(path)


def test_decoder_bugs_become_one_line(tmp_path, rgb, monkeypatch):
    path = save(tmp_path / "a.png", rgb)

    def fail(image):
        raise struct.error("unpack requires\na buffer")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    with pytest.raises(UserError, match="unpack requires a buffer"):
        read_photo(path)


@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("gray", [False, True])
def test_write_and_read_again(tmp_path, rgb, with_alpha, gray):
    pixels = np.dstack([rgb[..., 0]] * 3) if gray else rgb
    alpha = np.ascontiguousarray(rgb[..., 1]) if with_alpha else None
    write_photo(tmp_path / "b.png", pixels, alpha, Photo(pixels, alpha, gray))
    photo = read_photo(tmp_path / "b.png")
    np.testing.assert_array_equal(photo.rgb, pixels)
    if with_alpha:
        np.testing.assert_array_equal(photo.alpha, alpha)
    else:
        assert photo.alpha is None
    assert photo.was_gray == gray
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]
