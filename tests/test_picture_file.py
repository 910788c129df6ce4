"""Every kind of picture file that people have, and bounds on those that somebody made."""

import io
import os
import resource
import struct
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from skimage import data

from psfr_tf import photo as photo_module
from psfr_tf.errors import UserError
from psfr_tf.photo import picture_size, read_photo
from psfr_tf.picture_file import FORMATS, MAX_SCANS, SUFFIXES

EXACT = ("PNG", "TIFF", "BMP", "DIB", "PPM", "QOI", "PCX", "SGI", "TGA", "DDS")
LOSSY = ("JPEG", "AVIF", "JPEG2000", "WEBP", "MPO")


@pytest.fixture
def face():
    return np.ascontiguousarray(data.astronaut()[:301:2, 80:363:2])


def encoded(pixels, kind, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def read(path, content):
    path.write_bytes(content)
    return read_photo(path)


@pytest.mark.parametrize("kind", EXACT + LOSSY)
def test_formats_of_photos(tmp_path, face, kind):
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    photo = read(tmp_path / "photo", encoded(face, kind))  # by content, whatever the name
    assert np.abs(photo.rgb.astype(int) - face).mean() < (6 if kind in LOSSY else 1e-9)
    assert photo.notes == ()
    suffix = next(s for s, name in Image.EXTENSION.items() if name == kind)
    assert suffix in SUFFIXES


def test_heic(tmp_path, face):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    assert pillow_heif
    photo_module.read_photo(_png(tmp_path, face))  # registers the format
    photo = read(tmp_path / "a.heic", encoded(face, "HEIF", quality=90))
    assert np.abs(photo.rgb.astype(int) - face).mean() < 4


def test_without_pillow_heif_it_says_what_to_install(tmp_path, monkeypatch):
    from psfr_tf import picture_file

    openers = {name: each for name, each in picture_file._openers().items() if name != "HEIF"}
    monkeypatch.setattr(picture_file, "_openers", lambda: openers)
    for name in ("a.heic", "a.jpg"):
        with pytest.raises(UserError, match=r"pip install 'psfr_tf\[heif\]'"):
            read(tmp_path / name, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")


def _png(folder, pixels):
    path = folder / "a.png"
    path.write_bytes(encoded(pixels, "PNG"))
    return path


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}, {"quality": 20}],
    ids=str,
)
@pytest.mark.parametrize("gray", [False, True])
def test_a_jpeg_without_its_end(tmp_path, face, options, gray):
    pixels = np.ascontiguousarray(face[..., 1]) if gray else face
    content = encoded(pixels, "JPEG", **options)
    whole = read(tmp_path / "whole.jpg", content)
    assert whole.notes == ()
    for cut in (1, 2):
        photo = read(tmp_path / "cut.jpg", content[:-cut])
        np.testing.assert_array_equal(photo.rgb, whole.rgb)
        assert photo.notes == ("the end of the file is missing, but every row of pixels is there",)
    photo = read(tmp_path / "cut.jpg", content[:-20])
    np.testing.assert_array_equal(photo.rgb[:-17], whole.rgb[:-17])
    assert "rows of pixels are incomplete" in photo.notes[0]
    with pytest.raises(UserError, match="truncated"):
        read(tmp_path / "cut.jpg", content[: len(content) // 2])
    # What programs append is no part of the picture.
    assert read(tmp_path / "more.jpg", content + b"appended" * 50).notes == ()


def test_the_largest_page_of_a_tiff(tmp_path, face):
    small = [Image.fromarray(face[::4, ::4]), Image.fromarray(face[::3, ::3])]
    for place in range(3):
        pages = [*small[:place], Image.fromarray(face), *small[place:]]
        pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
        photo = read_photo(tmp_path / "a.tif")
        np.testing.assert_array_equal(photo.rgb, face)
        assert photo.notes == (f"3 pages: page {place + 1}, the largest, is read",)
        assert picture_size(tmp_path / "a.tif") == (face.shape[1], face.shape[0])


def test_an_animation_gives_its_first_frame_and_says_so(tmp_path, face):
    frames = [Image.fromarray(face), Image.fromarray(face[::-1].copy())]
    for suffix in ("png", "webp"):
        path = tmp_path / f"a.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
        photo = read_photo(path)
        np.testing.assert_array_equal(photo.rgb, face)
        assert photo.notes == ("an animation: its first frame is read",)


def png_chunk(name, body, crc=0):
    return (
        struct.pack(">I", len(body))
        + name
        + body
        + struct.pack(">I", zlib.crc32(name + body) ^ crc)
    )


BAD_CHUNKS = {
    "acTL": png_chunk(b"acTL", b"\0"),
    "cHRM": png_chunk(b"cHRM", b"\0"),
    "gAMA": png_chunk(b"gAMA", b""),
    "pHYs": png_chunk(b"pHYs", b"\0"),
    "sRGB": png_chunk(b"sRGB", b""),
    "tRNS": png_chunk(b"tRNS", b"\0"),
    "tEXt": png_chunk(b"tEXt", b"Comment", crc=7),
    "eXIf": png_chunk(b"eXIf", b"garbage"),
    "iCCP": png_chunk(b"iCCP", b"p\0\0no zlib"),
    "zTXt": png_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"0" * 80_000_000)),
}


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_damaged_metadata_of_a_png(tmp_path, face, name, behind):
    content = encoded(face, "PNG")
    place = len(content) - 12 if behind else 33  # before IEND, or after IHDR
    photo = read(tmp_path / "a.png", content[:place] + BAD_CHUNKS[name] + content[place:])
    np.testing.assert_array_equal(photo.rgb, face)


def test_damaged_pixels_are_not_taken_for_damaged_metadata(tmp_path, face):
    content = bytearray(encoded(face, "PNG"))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(UserError, match="damaged"):
        read(tmp_path / "a.png", bytes(content))


@pytest.mark.parametrize(
    "segment",
    [b"\xff\xee\0\x04Ad", b"\xff\xe2\0\x10ICC_PROFILE\0\x01", b"\xff\xe1\0\x0aExif\0\0II"],
    ids=["Adobe", "ICC", "Exif"],
)
def test_damaged_metadata_of_a_jpeg(tmp_path, face, segment):
    content = encoded(face, "JPEG")
    plain = read(tmp_path / "plain.jpg", content)
    photo = read(tmp_path / "a.jpg", content[:2] + segment + content[2:])
    np.testing.assert_array_equal(photo.rgb, plain.rgb)


def test_a_web_page_or_pointer_is_named(tmp_path):
    for content, what in (
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ):
        with pytest.raises(UserError, match=what):
            read(tmp_path / "a.jpg", content)


@pytest.mark.parametrize("kind", ["EPS", "ICO", "ICNS", "PDF"])
def test_what_runs_programs_or_decodes_before_its_size_is_known_is_no_photo(tmp_path, face, kind):
    assert kind not in FORMATS
    with pytest.raises(UserError, match="not an image in a known format"):
        read(tmp_path / "a.jpg", encoded(face[:128, :128], kind))


def test_only_regular_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", "/dev/zero"):
        with pytest.raises(UserError, match="not a regular file"):
            read_photo(path)


def test_scans_are_bounded(tmp_path):
    content = encoded(np.full((64, 64), 90, np.uint8), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    scan = content[start:-2]
    many = content[:start] + scan * (MAX_SCANS + 1) + content[-2:]
    with pytest.raises(UserError, match="scans, a JPEG file has at most"):
        read(tmp_path / "a.jpg", many)
    read(tmp_path / "b.jpg", content)


HUGE = {
    "webp": b"RIFF\x1e\0\0\0WEBPVP8L\x11\0\0\0/\xfe\xff\xff\x0f" + bytes(13),
    "webp extended": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
    + (16382).to_bytes(3, "little") * 2
    + bytes(8),
    "png": b"\x89PNG\r\n\x1a\n"
    + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 16, 0, 0, 0, 0))
    + png_chunk(b"IDAT", zlib.compress(bytes(40_001)))
    + png_chunk(b"IEND", b""),
    "gif": b"GIF89a" + struct.pack("<HH", 20_000, 20_000) + b"\0\0\0,"
    + struct.pack("<HHHH", 0, 0, 20_000, 20_000) + b"\0\x02\x02L\x01\0;",
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is kept on Linux")
@pytest.mark.parametrize("kind", HUGE)
def test_size_is_read_from_the_header_and_bounded(tmp_path, kind):
    path = tmp_path / "a.jpg"
    path.write_bytes(HUGE[kind])
    code = (
        "import sys\n"
        "from psfr_tf.errors import UserError\n"
        "from psfr_tf.photo import read_photo\n"
        "try:\n    read_photo(sys.argv[1])\n"
        "except UserError as error:\n    print(error)\n"
    )
    limit = 1_500_000_000
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    assert "pixels are more than the" in result.stdout, result.stderr
    assert result.stdout.count("\n") == 1


def test_the_limit_on_pixels_is_the_callers(tmp_path, face):
    path = _png(tmp_path, face)
    pixels = face.shape[0] * face.shape[1]
    assert read_photo(path, pixels).rgb.shape == face.shape
    with pytest.raises(UserError, match="--max-pixels"):
        read_photo(path, pixels - 1)


def test_pillows_limit_and_the_warning_filters_are_not_touched_by_threads(tmp_path, face):
    import warnings

    Image.MAX_IMAGE_PIXELS, before = 1000, Image.MAX_IMAGE_PIXELS
    try:
        path, seen, filters = _png(tmp_path, face), set(), list(warnings.filters)
        stop = threading.Event()

        def watch():
            while not stop.is_set():
                seen.add((Image.MAX_IMAGE_PIXELS, len(warnings.filters)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        with ThreadPoolExecutor(8) as pool:
            photos = list(pool.map(read_photo, [path] * 40))
        stop.set()
        watcher.join()
        assert seen == {(1000, len(filters))}
        assert all(np.array_equal(photo.rgb, face) for photo in photos)
    finally:
        Image.MAX_IMAGE_PIXELS = before


def test_a_large_photo_is_converted_in_bands(tmp_path, face, monkeypatch):
    monkeypatch.setattr(photo_module, "BAND_PIXELS", 1000)
    deep = (face[..., 1].astype(np.uint16) << 8) | 77
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(
        read_photo(tmp_path / "deep.png").rgb[..., 0], np.rint(deep / 257).astype(np.uint8)
    )
    np.testing.assert_array_equal(read_photo(_png(tmp_path, face)).rgb, face)
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        Image.fromarray(face).save(tmp_path / "turned.png", exif=exif)
        photo = read_photo(tmp_path / "turned.png")
        from PIL import ImageOps

        with Image.open(tmp_path / "turned.png") as image:
            np.testing.assert_array_equal(photo.rgb, np.asarray(ImageOps.exif_transpose(image)))
        assert picture_size(tmp_path / "turned.png") == photo.rgb.shape[1::-1]
