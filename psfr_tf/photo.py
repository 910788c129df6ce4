"""Read any photo to 8-bit sRGB, and write the result."""

import functools
import io
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

from psfr_tf.files import write_png
from psfr_tf.picture_file import MAX_PIXELS, open_picture

# A photo is converted in bands of about so many pixels: no whole copies beside it.
_BAND_PIXELS = 1_000_000
_ORIENTATION = 0x0112  # EXIF tag


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        rgb: uint8 [H, W, 3], sRGB, upright.
        alpha: uint8 [H, W], or None if the file has no transparency.
        was_gray: whether the file holds a grey picture; then the channels of `rgb` are equal.
        notes: what the person who gave the file should know about it, a phrase each.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None
    was_gray: bool
    notes: tuple[str, ...] = ()


def read_photo(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decode a photo.

    EXIF orientation is applied. 16-bit pixels become 8-bit (65535 -> 255, rounded where the
    decoder gives 16 bits), floating-point pixels are read as 0..1. A colour profile in the file
    is converted to sRGB, which is what the networks were trained on, and dropped; without one,
    CMYK is converted by Pillow's formula (Adobe's inverted JPEGs included). Of the pages of a TIFF
    the largest is read, of other frames the first. Damaged metadata are ignored.

    Args:
        max_pixels: see `psfr_tf.picture_file.open_picture`.

    Raises:
        UserError: the file is missing, unreadable, no regular file, empty, no image, truncated or
            too large; the message names it and the reason.
    """
    with open_picture(path, max_pixels) as (image, notes):
        image.load()  # first: Pillow reads on for the EXIF data of a PNG, and forgets what fails
        orientation = _orientation(image, notes)
        rgb, alpha, was_gray = _decode(image, notes)
    rgb = _upright(rgb, orientation)
    alpha = None if alpha is None else _upright(alpha, orientation)
    return Photo(rgb, alpha, was_gray, tuple(dict.fromkeys(notes)))


def picture_size(path: str | os.PathLike) -> tuple[int, int]:
    """Width and height of a picture, upright, from its header.

    Raises:
        UserError: as `read_photo`.
    """
    with open_picture(path, header_only=True) as (image, notes):
        width, height = image.size
        # A PNG whose EXIF data follow its pixels would have to be decoded to find them.
        known = image.format != "PNG" or "exif" in image.info
        turned = known and _orientation(image, notes) >= 5
        return (height, width) if turned else (width, height)


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


def _orientation(image: Image.Image, notes: list[str]) -> int:
    """EXIF orientation 1..8; 1 where it is absent or none."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except MemoryError:
        raise
    except Exception:  # Damaged metadata is no reason to refuse a photo whose pixels decode.
        notes.append("damaged metadata ignored")
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _decode(image: Image.Image, notes: list[str]) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """RGB, alpha and whether the picture is grey, before it is turned upright."""
    width, height = image.size
    deep = image.mode == "F" or image.mode.startswith("I")
    transparent = "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa")
    grey = deep or image.mode in ("1", "L", "LA", "La")
    rgb = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if transparent else None
    to_srgb = _Conversion(image.info.get("icc_profile"), notes)
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        part = np.s_[top : top + rows]
        if deep:
            pixels = np.asarray(band)
            rgb[part] = _deep_grey(pixels)[..., None]
            if alpha is not None:  # one grey value stands for it
                alpha[part] = (pixels != image.info["transparency"]) * np.uint8(255)
            continue
        if alpha is not None:
            alpha[part] = np.asarray(band.convert("RGBA").getchannel("A"))
        if grey:
            # A grey profile may come back with channels one level apart.
            rgb[part] = np.asarray(to_srgb(band.convert("L")))[..., 1:2]
        else:
            if band.mode == "P":
                band = band.convert("RGBA" if transparent else "RGB")
            rgb[part] = np.asarray(to_srgb(band.convert("RGB") if transparent else band))
    return rgb, alpha, grey


def _deep_grey(pixels: np.ndarray) -> np.ndarray:
    """Grey of more than 8 bits to uint8 [H, W]."""
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise ValueError("floating-point pixels outside 0..1")
        return np.rint(pixels * np.float32(255)).astype(np.uint8)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError("integer pixels of more than 16 bits")
    # 257 is odd, so that no value lies half-way between two levels.
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


class _Conversion:
    """From a colour profile to sRGB, one band after the other."""

    def __init__(self, profile: bytes | None, notes: list[str]):
        self._profile = profile
        self._notes = notes

    def __call__(self, band: Image.Image) -> Image.Image:
        if self._profile:
            try:
                return self._transform(band.mode).apply(band)
            except MemoryError:
                raise
            except Exception:  # A profile that does not fit its picture: read the pixels as is.
                self._notes.append("damaged color profile ignored")
                self._profile = None
        return band.convert("RGB")

    @functools.cached_property
    def _transform(self) -> Callable:
        source = ImageCms.ImageCmsProfile(io.BytesIO(self._profile or b""))
        srgb = ImageCms.createProfile("sRGB")

        @functools.cache
        def of_mode(mode: str):
            return ImageCms.buildTransform(source, srgb, mode, "RGB")

        return of_mode
