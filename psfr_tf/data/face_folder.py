"""A folder of aligned faces, with or without parsing maps."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from psfr_tf.errors import UserError
from psfr_tf.labels import NUM_CLASSES

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
_TAIL = 4096  # bytes at the end of a file in which its end marker must lie


class FaceFolder:
    """Aligned square faces `NAME.{jpg,jpeg,png}` and parsing maps `NAME.png`.

    Args:
        images_dir: folder of the pictures.
        masks_dir: folder of 8-bit PNG label maps, grey or palette, pixel value = class 0..18; or
            None for pictures only.
        names: which faces to use, in this order; None takes all, sorted by name.

    Attributes:
        names: list of names without suffix.
        image_paths: list of `pathlib.Path`, one for each name.
        mask_paths: the same for the parsing maps, or None.

    Raises:
        UserError: no folder, no pictures in it, two pictures of one name, a name without a
            picture, a picture without a parsing map, an empty or truncated picture, or one that
            is neither JPEG nor PNG.
    """

    def __init__(
        self,
        images_dir: str | os.PathLike,
        masks_dir: str | os.PathLike | None = None,
        names: Sequence[str] | None = None,
    ):
        images = _images_by_name(Path(images_dir))
        self.names = sorted(images) if names is None else list(names)
        if not self.names:
            raise UserError(f"no faces chosen from {images_dir}: the list of names is empty")
        missing = [name for name in self.names if name not in images]
        if missing:
            raise UserError(_first(missing, f"not found in {images_dir} as .jpg, .jpeg or .png"))
        self.image_paths = [images[name] for name in self.names]
        for path in self.image_paths:
            _check_image_file(path)

        self.mask_paths = None
        if masks_dir is not None:
            self.mask_paths = [Path(masks_dir) / f"{name}.png" for name in self.names]
            missing = [path.name for path in self.mask_paths if not path.is_file()]
            if missing:
                raise UserError(_first(missing, f"no such parsing map in {masks_dir}"))

    def __len__(self) -> int:
        return len(self.names)


def read_split(manifest_csv: str | os.PathLike, split: str) -> list[str]:
    """Names of one split from a manifest with the columns `name` and `split`.

    Args:
        manifest_csv: path of a CSV file with a header.
        split: for example "train", "val" or "test".

    Returns:
        Names in the order of the file.

    Raises:
        UserError: unreadable file, missing column, or no row of that split.
    """
    try:
        with open(manifest_csv, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{manifest_csv}: cannot read the manifest ({error})") from error
    if not rows or not {"name", "split"} <= rows[0].keys():
        raise UserError(f"{manifest_csv}: expected a CSV file with the columns name and split")
    names = [row["name"] for row in rows if row["split"] == split]
    if not names:
        found = ", ".join(sorted({str(row["split"]) for row in rows}))
        raise UserError(f"{manifest_csv}: no face of split {split!r}; it has {found}")
    return names


def read_mask(path: str | os.PathLike, size: int) -> np.ndarray:
    """Read a parsing map and resize it to `size` x `size` pixels (nearest).

    Pillow, not TensorFlow, reads it: `tf.io.decode_png` turns a palette PNG into colours, and the
    labels are the palette indices.

    Returns:
        uint8 `[size, size]`, values 0..18.

    Raises:
        UserError: unreadable, colour instead of labels, not square, or an unknown label.
    """
    try:
        with Image.open(path) as image:
            mode, shape = image.mode, image.size
            resized = image.resize((size, size), Image.Resampling.NEAREST)
    except OSError as error:
        raise UserError(f"{path}: cannot read the parsing map ({error})") from error
    if mode not in ("P", "L"):
        raise UserError(
            f"{path}: a parsing map must be an 8-bit grey or palette PNG of labels, this one has "
            f"Pillow mode {mode}"
        )
    if shape[0] != shape[1]:
        raise UserError(f"{path}: a parsing map must be square, this one is {shape[0]}x{shape[1]}")
    labels = np.asarray(resized, dtype=np.uint8)
    if labels.max() >= NUM_CLASSES:
        raise UserError(
            f"{path}: label {labels.max()} found, parsing labels are 0..{NUM_CLASSES - 1}"
        )
    return labels


def _images_by_name(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of faces")
    images: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or not path.is_file():
            continue
        if path.stem in images:
            raise UserError(
                f"{path}: {images[path.stem].name} has the same name; keep one of the two"
            )
        images[path.stem] = path
    if not images:
        raise UserError(f"{folder}: no .jpg, .jpeg or .png pictures in this folder")
    return images


def _check_image_file(path: Path) -> None:
    """Cheap check of the first and last bytes, since a decoder in a graph cannot name the file."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(max(0, path.stat().st_size - _TAIL))
            tail = file.read()
    except OSError as error:
        raise UserError(f"{path}: cannot read the picture ({error})") from error
    if not head:
        raise UserError(f"{path}: the file is empty")
    if head.startswith(b"\xff\xd8\xff"):
        complete = b"\xff\xd9" in tail
    elif head == b"\x89PNG\r\n\x1a\n":
        complete = b"IEND" in tail
    else:
        raise UserError(f"{path}: neither a JPEG nor a PNG file")
    if not complete:
        raise UserError(f"{path}: the picture is truncated")


def _first(items: list[str], complaint: str) -> str:
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    return f"{items[0]}{more}: {complaint}"
