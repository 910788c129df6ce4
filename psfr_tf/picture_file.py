"""Which picture files are read, and opening one: its header is checked before it is decoded."""

import contextlib
import functools
import io
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from psfr_tf import file_kind
from psfr_tf.errors import UserError, cause
from psfr_tf.picture_repair import complete_jpeg, jpeg_structure, without_metadata

# A photo takes about 10 bytes a pixel while it is restored: as decoded, as array, its result, and
# that while it is written. Phones of today make 200 million pixels.
BYTES_PER_PIXEL = 10
MAX_PIXELS = 200_000_000
MAX_FILE_BYTES = 2_000_000_000
# Programs that write JPEG use up to about 20. Each one costs a pass over the picture.
MAX_SCANS = 100
_MOST_PAGES = 1000  # of a TIFF file that are looked at

# Pillow's names, in the order in which they are tried: what has no signature comes last. Left out
# are EPS, WMF (which start other programs), ICO, ICNS and CUR (decoded before their size can be
# seen), and what is no photo (fonts, textures of games, films, measured data).
FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "AVIF": (".avif", ".avifs"),
    "HEIF": (".heic", ".heif", ".hif"),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "PPM": (".pbm", ".pgm", ".ppm", ".pnm", ".pfm"),
    "PSD": (".psd",),
    "DDS": (".dds",),
    "QOI": (".qoi",),
    "PCX": (".pcx",),
    "DCX": (".dcx",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
    "SUN": (".ras",),
    "PIXAR": (".pxr",),
    "PCD": (".pcd",),
    "MSP": (".msp",),
    "XBM": (".xbm",),
    "XPM": (".xpm",),
    "TGA": (".tga", ".vda", ".vst", ".icb"),
}
# What a folder is searched for.
SUFFIXES = frozenset(suffix for names in FORMATS.values() for suffix in names)

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
# Memory for a pixel, compared with other formats, where the decoder itself needs much.
_WEIGHTS = {"WEBP": 2.5, "AVIF": 2.5, "HEIF": 2.5, "JPEG2000": 3.0}
_PROGRESSIVE_WEIGHT = 1.6


@contextlib.contextmanager
def open_picture(
    path: str | os.PathLike, max_pixels: int = MAX_PIXELS, header_only: bool = False
) -> Iterator[tuple[Image.Image, list[str]]]:
    """Open a picture file; its pixels are decoded when they are first asked for.

    The pixels of a TIFF file are those of its largest page, of other files with several frames
    those of the first. Pillow's own limit on pixels is neither needed nor changed.

    Args:
        max_pixels: most pixels; 2.5 times fewer where the decoder needs more memory (WebP, AVIF,
            HEIC; JPEG 2000 3, progressive JPEG 1.6 times fewer).
        header_only: the pixels will not be asked for; a JPEG file is then not searched for its
            end.

    Yields:
        The picture, and what a reader should know about the file, a phrase each.

    Raises:
        UserError: one line with the file and the reason. Errors of Pillow in the block become one
            too.
    """
    path = Path(path)
    try:
        with _regular_file(path) as file:
            image, notes = _open(path, file, max_pixels, header_only)
            with image:
                yield image, notes
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"{path}: too large for this computer's memory") from None
    except Exception as error:
        # On broken data Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error
        # and others.
        if isinstance(error, OSError) and error.errno is not None:
            raise UserError(f"{path}: {cause(error)}") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: damaged or unsupported image ({reason})") from None


def _missing_support(path: Path, head: bytes) -> str:
    """Why a picture is not read by this installation, or nothing."""
    suffix, missing = path.suffix.lower(), FORMATS.keys() - _openers().keys()
    by_content = head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS
    if "HEIF" in missing and (by_content or suffix in FORMATS["HEIF"]):
        return "HEIC pictures need pillow-heif: pip install 'psfr_tf[heif]'"
    for name in missing:
        if suffix in FORMATS[name]:
            return f"this version of Pillow reads no {name} pictures"
    return ""


def _regular_file(path: Path):
    """Open a file for reading; a pipe or device could be endless."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise UserError(f"{path}: is a directory")
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path}: not a regular file")
    if not found.st_size:
        raise UserError(f"{path}: the file is empty")
    if found.st_size > MAX_FILE_BYTES:
        raise UserError(f"{path}: the file has more than {MAX_FILE_BYTES // 10**9} GB")
    return open(path, "rb")


def _open(path: Path, file, max_pixels: int, header_only: bool) -> tuple[Image.Image, list[str]]:
    notes: list[str] = []
    head = file.read(64)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":  # its decoder takes memory at once
        _check_size(path, _webp_size(head), "WEBP", max_pixels)
    try:
        image = _identify(file)
    except Image.UnidentifiedImageError:
        why = file_kind.disguise(head) or _missing_support(path, head)
        raise UserError(f"{path}: {why or 'not an image in a known format'}") from None
    except MemoryError:
        raise
    except Exception:
        image = _identify_pixels(file)
        notes.append("damaged metadata ignored")
    if image.format == "TIFF":
        _to_largest_page(image, notes)
    _check_size(path, image.size, image.format or "", max_pixels)
    if header_only:
        return image, notes
    if image.format in ("JPEG", "MPO"):
        image = _checked_jpeg(path, image, max_pixels, notes)
    elif image.format == "PNG":
        image = _loaded_png(file, image, notes)
    if image.format in ("GIF", "WEBP", "PNG") and getattr(image, "is_animated", False):
        image.seek(0)
        notes.append("an animation: its first frame is read")
    return image, notes


@functools.cache
def _openers() -> dict:
    """Pillow's functions for `FORMATS`: (opens a file, tells whether its first bytes fit)."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    found = {name: Image.OPEN[name] for name in FORMATS if name in Image.OPEN}
    if not features.check("avif"):
        found.pop("AVIF", None)
    return found


@functools.cache
def _common_openers() -> dict:
    """`_openers` of JPEG and PNG alone: the start of a program is 50 ms quicker."""
    Image.preinit()
    return {name: Image.OPEN[name] for name in ("JPEG", "PNG")}


def _identify(file) -> Image.Image:
    """The picture in a file, as `Image.open` gives it, but for the limit of the whole process.

    Raises:
        Image.UnidentifiedImageError: of no known format.
        Exception: of a known format, but damaged.
    """
    file.seek(0)
    head = file.read(16)
    damaged = None
    common = head.startswith((b"\xff\xd8\xff", b"\x89PNG"))
    for factory, accept in (_common_openers() if common else _openers()).values():
        fits = True if accept is None else accept(head)
        if not fits or isinstance(fits, str):  # text: the format, but support is not installed
            continue
        file.seek(0)
        try:
            return factory(file, None)
        except MemoryError:
            raise
        except Exception as error:
            # Without a signature it is just another format.
            damaged = damaged or (error if accept else None)
    raise damaged or Image.UnidentifiedImageError


def _identify_pixels(file) -> Image.Image:
    """`_identify` of a damaged file, without the metadata that may be the reason."""
    file.seek(0)
    for data in without_metadata(file.read()):
        with contextlib.suppress(Exception):
            return _identify(io.BytesIO(data))
    return _identify(file)


def _loaded_png(file, image: Image.Image, notes: list[str]) -> Image.Image:
    """With its pixels: a PNG file may have damaged metadata behind them, too."""
    try:
        image.load()
        return image
    except MemoryError:
        raise
    except Exception as error:
        file.seek(0)
        for data in without_metadata(file.read()):
            with contextlib.suppress(Exception):
                image = _identify(io.BytesIO(data))
                image.load()
                notes.append("damaged metadata ignored")
                return image
        raise error


def _check_size(path: Path, size: tuple[int, int], kind: str, max_pixels: int, weight=None) -> None:
    weight = weight or _WEIGHTS.get(kind, 1.0)
    pixels = size[0] * size[1]
    if pixels * weight > max_pixels:
        most = max_pixels / weight
        text = f"{most / 1e6:.3g} million" if most >= 10**6 else f"{most:.0f}"
        raise UserError(
            f"{path}: {size[0]}x{size[1]} pixels are more than the {text} that are read of such a "
            f"file: {pixels * weight * BYTES_PER_PIXEL / 1e9:.2g} GB of memory "
            "(psfr restore --max-pixels raises the limit)"
        )


def _webp_size(head: bytes) -> tuple[int, int]:
    """Width and height of the canvas."""
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(head) >= 30:
        return tuple(side & 0x3FFF for side in struct.unpack_from("<HH", head, 26))
    return 0, 0


def _to_largest_page(image: Image.Image, notes: list[str]) -> None:
    """Scanners put a thumbnail before or behind the photo."""
    sizes: list[int] = []
    for page in range(_MOST_PAGES):
        try:
            image.seek(page)
        except Exception:  # The end; or a damaged page, behind which nothing can be found.
            break
        sizes.append(image.size[0] * image.size[1])
    best = max(range(len(sizes)), key=sizes.__getitem__)
    image.seek(best)
    if len(sizes) < 2:
        return
    notes.append(
        f"{len(sizes)} pages: page {best + 1}, the "
        f"{'first' if len(set(sizes)) == 1 else 'largest'}, is read"
    )


def _checked_jpeg(path: Path, image: Any, max_pixels: int, notes: list[str]) -> Image.Image:
    """Bound the work of progressive files, and let a missing end pass if every row is there."""
    image.fp.seek(0)
    data = image.fp.read()
    structure = jpeg_structure(data)
    if structure.scans > MAX_SCANS:
        raise UserError(f"{path}: {structure.scans} scans, a JPEG file has at most {MAX_SCANS}")
    if structure.progressive:
        _check_size(path, image.size, image.format, max_pixels, _PROGRESSIVE_WEIGHT)
    if structure.ends:
        return image
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        image.load()
        return image  # Pillow has found an end.

    def decode(contents: bytes) -> np.ndarray:
        with _identify(io.BytesIO(contents)) as decoded:
            return np.asarray(decoded)

    try:
        data, rows = complete_jpeg(data, structure, decode)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    notes.append(
        f"the end of the file is missing; the last {rows} rows of pixels are incomplete"
        if rows
        else "the end of the file is missing, but every row of pixels is there"
    )
    return _identify(io.BytesIO(data))
