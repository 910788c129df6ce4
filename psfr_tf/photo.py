"""Read any photo to 8-bit sRGB, and write the result."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from psfr_tf.errors import UserError
from psfr_tf.files import PNG_EFFORT, atomic_path
from psfr_tf.photo_metadata import (
    BAND_PIXELS,
    NO_METADATA,
    PhotoMetadata,
    ToSrgb,
    orientation_and_exif,
)
from psfr_tf.picture_file import MAX_PIXELS, open_picture

# Modes of files whose color profile fits RGB pixels. Of others, such as CMYK, sRGB takes its place.
_WITH_RGB_PROFILE = ("RGB", "RGBA", "RGBX", "P", "PA")
_MOST_EXIF_OF_JPEG = 65_000  # bytes
QUALITY = 95
# Formats of results by the ending of the name, and the longest side that they can hold.
RESULT_FORMATS = {
    ".png": ("PNG", 2**31 - 1),
    ".jpg": ("JPEG", 65_535),
    ".jpeg": ("JPEG", 65_535),
    ".webp": ("WEBP", 16_383),
}


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        rgb: uint8 [H, W, 3], sRGB, upright.
        alpha: uint8 [H, W], or None if the file has no transparency.
        was_gray: whether the file holds a gray picture; then the channels of `rgb` are equal.
        notes: what the person who gave the file should know about it, a phrase each.
        metadata: what else the file holds, for `write_photo`.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None
    was_gray: bool
    notes: tuple[str, ...] = ()
    metadata: PhotoMetadata = NO_METADATA


def read_photo(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decode a photo.

    EXIF orientation is applied. 16-bit pixels become 8-bit (65535 -> 255, rounded where the
    decoder gives 16 bits), floating-point pixels are read as 0..1. A color profile in the file
    is converted to sRGB, which is what the networks were trained on; without one, CMYK is
    converted by Pillow's formula (Adobe's inverted JPEGs included). Of the pages of a TIFF the
    largest is read, of other frames the first. Damaged metadata are ignored.

    Args:
        max_pixels: see `psfr_tf.picture_file.open_picture`.

    Raises:
        UserError: the file is missing, unreadable, no regular file, empty, no image, truncated or
            too large; the message names it and the reason.
    """
    with open_picture(path, max_pixels) as (image, notes):
        return photo_of(image, notes)


def photo_of(image: Image.Image, notes: Sequence[str] = ()) -> Photo:
    """As `read_photo`, of a picture that Pillow has opened."""
    notes = list(notes)
    image.load()  # first: Pillow reads on for the EXIF data of a PNG, and forgets what fails
    orientation, exif = orientation_and_exif(image, notes)
    to_srgb = ToSrgb(image.info.get("icc_profile"), notes)
    rgb, alpha, native, was_gray = _decode(image, to_srgb)
    if not to_srgb.profile or (native is not None and np.array_equal(native, rgb)):
        native = None
    rgb = _upright(rgb, orientation)
    alpha, native = (
        None if pixels is None else _upright(pixels, orientation) for pixels in (alpha, native)
    )
    profile = to_srgb.profile if image.mode in _WITH_RGB_PROFILE else b""
    metadata = PhotoMetadata(exif, profile, native)
    return Photo(rgb, alpha, was_gray, tuple(dict.fromkeys(notes)), metadata)


def picture_size(path: str | os.PathLike) -> tuple[int, int]:
    """Width and height of a picture, upright, from its header.

    Raises:
        UserError: as `read_photo`.
    """
    with open_picture(path, header_only=True) as (image, notes):
        width, height = image.size
        # A PNG whose EXIF data follow its pixels would have to be decoded to find them.
        known = image.format != "PNG" or "exif" in image.info
        turned = known and orientation_and_exif(image, notes)[0] >= 5
        return (height, width) if turned else (width, height)


def write_photo(
    path: str | os.PathLike,
    rgb: np.ndarray,
    alpha: np.ndarray | None = None,
    photo: Photo | None = None,
    quality: int = QUALITY,
) -> None:
    """Write a picture atomically, as the ending of its name says (`RESULT_FORMATS`).

    Args:
        path: JPEG has no transparency, so `alpha` is left out there.
        rgb: uint8 [H, W, 3], sRGB.
        alpha: None or uint8 [H, W].
        photo: what `rgb` was made of. A gray photo gives one gray channel, if those of `rgb` are
            equal; its metadata are kept.
        quality: 1..100 of JPEG (without chroma subsampling) and WebP.

    Raises:
        UserError: no such format, or a side is longer than it allows.
        OSError: the file cannot be written.
    """
    kind, longest = result_format(path)
    if max(rgb.shape[:2]) > longest:
        raise UserError(
            f"{path}: {rgb.shape[1]}x{rgb.shape[0]} pixels, above the {longest} of {kind}; use png"
        )
    info = {}
    if photo is not None:
        rgb = photo.metadata.pixels(rgb, photo.rgb)
        info = {"exif": photo.metadata.exif, "icc_profile": photo.metadata.icc_profile}
        if kind == "JPEG" and len(info["exif"]) > _MOST_EXIF_OF_JPEG:
            info["exif"] = b""
    gray = photo is not None and photo.was_gray and np.array_equal(rgb[..., 0], rgb[..., 1])
    pixels = np.ascontiguousarray(rgb[..., 0]) if gray else rgb
    if alpha is not None and kind != "JPEG":
        pixels = np.dstack([pixels, alpha])
    options = {
        "PNG": {"compress_level": PNG_EFFORT},
        "JPEG": {"quality": quality, "subsampling": 0},
        "WEBP": {"quality": quality},
    }[kind]
    with atomic_path(path) as temporary:
        picture = Image.fromarray(pixels)
        picture.save(temporary, format=kind, **options, **{k: v for k, v in info.items() if v})


def result_format(path: str | os.PathLike) -> tuple[str, int]:
    """Pillow's name and the longest side of the format that a name's ending stands for.

    Raises:
        UserError: results are not written in such a format.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in RESULT_FORMATS:
        raise UserError(f"{path}: results are written as {', '.join(RESULT_FORMATS)}")
    return RESULT_FORMATS[suffix]


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _decode(
    image: Image.Image, to_srgb: ToSrgb
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None, bool]:
    """RGB, alpha, RGB before the conversion of colors, and whether the picture is gray; before it
    is turned upright."""
    width, height = image.size
    deep = image.mode == "F" or image.mode.startswith("I")
    transparent = "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa")
    gray = deep or image.mode in ("1", "L", "LA", "La")
    rgb = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if transparent else None
    has_native = to_srgb.profile and image.mode in _WITH_RGB_PROFILE
    native = np.empty_like(rgb) if has_native else None
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        part = np.s_[top : top + rows]
        if deep:
            pixels = np.asarray(band)
            rgb[part] = _deep_gray(pixels)[..., None]
            if alpha is not None:  # one gray value stands for it
                alpha[part] = (pixels != image.info["transparency"]) * np.uint8(255)
            continue
        if alpha is not None:
            alpha[part] = np.asarray(band.convert("RGBA").getchannel("A"))
        if gray:
            # A gray profile may come back with channels one level apart.
            rgb[part] = np.asarray(to_srgb(band.convert("L")))[..., 1:2]
        else:
            if band.mode == "P":
                band = band.convert("RGBA" if transparent else "RGB")
            band = band.convert("RGB") if transparent else band
            rgb[part] = np.asarray(to_srgb(band))
            if native is not None:
                native[part] = np.asarray(band.convert("RGB"))
    return rgb, alpha, native, gray


def _deep_gray(pixels: np.ndarray) -> np.ndarray:
    """Gray of more than 8 bits to uint8 [H, W]."""
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise ValueError("floating-point pixels outside 0..1")
        return np.rint(pixels * np.float32(255)).astype(np.uint8)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError("integer pixels of more than 16 bits")
    # 257 is odd, so that no value lies half-way between two levels.
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
