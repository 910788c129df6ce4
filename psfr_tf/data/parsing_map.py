"""Read parsing maps from files: label maps, or pictures in the color code of the release."""

from __future__ import annotations

import os

import numpy as np

from psfr_tf.data.face_error import (
    UNKNOWN_COLOR,
    UNKNOWN_LABEL,
    WRONG_SIZE,
    FaceError,
)
from psfr_tf.errors import UserError
from psfr_tf.labels import COLORS, NUM_CLASSES
from psfr_tf.picture_file import open_picture

_ORDER = np.argsort(COLORS.astype(np.int64) @ [65536, 256, 1])
_SORTED_CODES = (COLORS.astype(np.int64) @ [65536, 256, 1])[_ORDER]


def read_labels(path: str | os.PathLike) -> np.ndarray:
    """Read a parsing map.

    A gray or palette picture holds the labels as pixel values. A color picture is taken as the
    color code `psfr_tf.labels.COLORS`; so is a palette picture whose palette gives every label
    in it the color of another label, which is what PNG optimizers make of a color picture.

    Pillow, not TensorFlow, reads it: `tf.io.decode_png` turns a palette PNG into colors.

    Returns:
        uint8 `[S, S]`, values 0..18.

    Raises:
        FaceError: unreadable, not square, an unknown label or color.
    """
    try:
        with open_picture(path) as (image, _):
            image.load()
    except UserError as error:
        raise FaceError.corrupt(path, error, "cannot read the parsing map") from error
    if image.width != image.height:
        raise FaceError(
            WRONG_SIZE,
            path,
            f"a parsing map must be square, this one is {image.width}x{image.height}",
        )
    if image.mode in ("RGB", "RGBA"):
        return _labels_of_colors(np.asarray(image.convert("RGB")), path)
    if image.mode not in ("P", "L"):
        raise FaceError(
            UNKNOWN_LABEL,
            path,
            "a parsing map must be an 8-bit gray or palette picture of labels, or a color "
            f"picture, this one has Pillow mode {image.mode}",
        )
    labels = np.asarray(image, dtype=np.uint8)
    used = np.flatnonzero(np.bincount(labels.ravel()))  # five times as fast as `np.unique`
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        by_color = _lookup(palette[used]) if used[-1] < len(palette) else np.array([-1])
        if (by_color >= 0).all() and (by_color != used).any():
            return _labels_of_colors(palette[labels], path)
    if used[-1] >= NUM_CLASSES:
        raise FaceError(
            UNKNOWN_LABEL,
            path,
            f"label {used[-1]} found, parsing labels are 0..{NUM_CLASSES - 1}",
        )
    return labels


def read_mask(path: str | os.PathLike, size: int) -> np.ndarray:
    """`read_labels`, resized to uint8 `[size, size]` (nearest)."""
    return resize_labels(read_labels(path), size)


def resize_labels(labels: np.ndarray, size: int) -> np.ndarray:
    """Nearest-neighbor resize of uint8 `[S, S]` to `[size, size]`, pixel centers aligned."""
    places = nearest_places(np.arange(size), size, len(labels))
    return labels[places][:, places]


def nearest_places(places, size: int, source_size):
    """floor((p + 1/2) source_size / size), exactly: in integers, of NumPy or TensorFlow."""
    return (2 * places + 1) * source_size // (2 * size)


def _lookup(rgb: np.ndarray) -> np.ndarray:
    """Label of each color uint8 `[..., 3]`, -1 where it is none of `COLORS`."""
    codes = rgb.astype(np.int64) @ [65536, 256, 1]
    places = np.searchsorted(_SORTED_CODES, codes).clip(max=NUM_CLASSES - 1)
    return np.where(_SORTED_CODES[places] == codes, _ORDER[places], -1)


def _labels_of_colors(rgb: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    labels = _lookup(rgb)
    unknown = labels < 0
    if unknown.any():
        color = tuple(int(value) for value in rgb[unknown][0])
        raise FaceError(
            UNKNOWN_COLOR,
            path,
            f"color {color} in {int(unknown.sum())} pixels is none of the 19 of the color code",
        )
    return labels.astype(np.uint8)
