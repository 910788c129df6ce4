"""Read any photo to 8-bit sRGB, and write the result."""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from psfr_tf.errors import UserError
from psfr_tf.files import write_png

# Pillow refuses 179 million pixels as a possible decompression bomb; phones of today make 200
# million. This bound is checked on the header, before anything is decoded (1.5 GB as RGBA).
MAX_PIXELS = 400_000_000

# What a folder is searched for.
SUFFIXES = frozenset(
    [
        ".bmp",
        ".gif",
        ".jfif",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    ]
)


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        rgb: uint8 [H, W, 3], sRGB, upright.
        alpha: uint8 [H, W], or None if the file has no transparency.
        was_gray: whether the file holds a grey picture; then the channels of `rgb` are equal.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None
    was_gray: bool


def read_photo(path: str | os.PathLike) -> Photo:
    """Decode a photo.

    EXIF orientation is applied. 16-bit pixels become 8-bit (65535 -> 255, rounded where the
    decoder gives 16 bits), floating-point pixels are read as 0..1. A colour profile in the file
    is converted to sRGB, which is what the networks were trained on, and dropped; without one,
    CMYK is converted by Pillow's formula (Adobe's inverted JPEGs included). Of several frames or
    pages the first is read.

    Raises:
        UserError: the file is missing, unreadable, a directory, empty, no image, truncated or
            above 400 million pixels; the message names it and the reason.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if not data:
        raise UserError(f"{path}: the file is empty")
    try:
        with _no_pixel_limit(), warnings.catch_warnings():
            # Damaged metadata is no reason to refuse a photo whose pixels decode.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise UserError(
                        f"{path}: {width}x{height} pixels are more than the "
                        f"{MAX_PIXELS // 1_000_000} million this command reads"
                    )
                image.load()
                return _decode(image)
    except UserError:
        raise
    except Image.UnidentifiedImageError:
        raise UserError(f"{path}: not an image in a known format") from None
    except MemoryError:
        raise UserError(f"{path}: too large for this computer's memory") from None
    except Exception as error:
        # On broken data Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error
        # and others.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: damaged or unsupported image ({reason})") from None


def write_photo(path: str | os.PathLike, rgb: np.ndarray, alpha=None, gray: bool = False) -> None:
    """Write a PNG atomically.

    Args:
        rgb: uint8 [H, W, 3], sRGB.
        alpha: None or uint8 [H, W].
        gray: write one grey channel; used only if the channels of `rgb` are equal.

    Raises:
        OSError: the file cannot be written.
    """
    color = rgb[..., 0] if gray and np.array_equal(rgb[..., 0], rgb[..., 1]) else rgb
    write_png(path, np.ascontiguousarray(color) if alpha is None else np.dstack([color, alpha]))


@contextlib.contextmanager
def _no_pixel_limit() -> Iterator[None]:
    """Pillow's own limit is replaced by `MAX_PIXELS`."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _decode(image: Image.Image) -> Photo:
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    transparent = "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa")
    if image.mode == "F" or image.mode.startswith("I"):
        grey, alpha = _deep_grey(image), None
        if transparent:  # one grey value stands for it
            opaque = np.asarray(image) != image.info["transparency"]
            alpha = opaque.astype(np.uint8) * 255
        return Photo(np.dstack([grey] * 3), alpha, True)
    if image.mode == "P":
        image = image.convert("RGBA" if transparent else "RGB")
    alpha = None
    if transparent:
        alpha = np.array(image.convert("RGBA").getchannel("A"))
        image = image.convert("L" if image.mode in ("LA", "La", "L", "1") else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    was_gray = image.mode == "L"
    rgb = np.array(_to_srgb(image, profile))
    if was_gray:
        # A grey profile may come back with channels one level apart.
        rgb = np.repeat(rgb[..., 1:2], 3, axis=2)
    return Photo(rgb, alpha, was_gray)


def _deep_grey(image: Image.Image) -> np.ndarray:
    """Grey of more than 8 bits to uint8 [H, W]."""
    pixels = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise ValueError("floating-point pixels outside 0..1")
        return np.rint(pixels * 255).astype(np.uint8)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError("integer pixels of more than 16 bits")
    return np.rint(pixels / 257).astype(np.uint8)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # A profile that does not fit its picture: read the pixels as they are.
    return image.convert("RGB")
