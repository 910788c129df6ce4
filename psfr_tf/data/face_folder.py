"""A folder of aligned faces, with or without parsing maps."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from psfr_tf.csv_file import read_rows
from psfr_tf.data.face_error import CORRUPT_FILE, WRONG_SIZE, FaceError
from psfr_tf.errors import UserError, cause
from psfr_tf.files import is_plain_name
from psfr_tf.picture_file import open_picture
from psfr_tf.pictures import pictures_by_name, pictures_in

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_SIDE = 4096  # pixels of a face, as TensorFlow decodes several at once
_TAIL = 4096  # bytes at the end of a file in which its end marker must lie


class FaceFolder:
    """Aligned square faces `NAME.{jpg,jpeg,png}` and parsing maps `NAME.png`.

    Pictures and maps lie directly in their folders or, as in FFHQ, in sub-folders.

    Args:
        images_dir: folder of the pictures.
        masks_dir: folder of PNG parsing maps as `psfr_tf.data.parsing_map` reads them; or None
            for pictures only.
        names: which faces to use, in this order; None takes all, sorted by name.

    Attributes:
        names: list of names without suffix.
        image_paths: list of `pathlib.Path`, one for each name.
        mask_paths: the same for the parsing maps, or None.

    Raises:
        UserError: no folder, no pictures in it, two pictures of one name, a name without a
            picture, a picture without a parsing map, an empty or truncated picture, or one that
            is neither JPEG nor PNG, not square, too large, or turned by its EXIF orientation.
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
            side = square_side(path, turned=False)
            if side > MAX_SIDE:
                raise UserError(
                    f"{path}: {side} pixels a side, training reads {MAX_SIDE} at most; "
                    "`psfr prepare --size` makes smaller ones"
                )

        self.mask_paths = None
        if masks_dir is not None:
            masks = {
                path.stem: path for path in pictures_in(Path(masks_dir), (".png",), subfolders=True)
            }
            missing = [f"{name}.png" for name in self.names if name not in masks]
            if missing:
                raise UserError(_first(missing, f"no such parsing map in {masks_dir}"))
            self.mask_paths = [masks[name] for name in self.names]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def has_masks(self) -> bool:
        """Whether there are parsing maps."""
        return self.mask_paths is not None


def read_split(manifest_csv: str | os.PathLike, split: str) -> list[str]:
    """Names of one split from a manifest with the columns `name` and `split`.

    Args:
        manifest_csv: path of a CSV file with a header.
        split: for example "train", "val", "test" or, for both, "train+val".

    Returns:
        Names in the order of the file.

    Raises:
        UserError: unreadable file, missing column, or no row of that split.
    """
    splits = read_manifest(manifest_csv)
    wanted = split.split("+")
    names = [name for name, its_split in splits.items() if its_split in wanted]
    if not names:
        found = ", ".join(sorted(set(splits.values())))
        raise UserError(f"{manifest_csv}: no face of split {split!r}; it has {found}")
    return names


def split_by_name(
    images_dir: str | os.PathLike, val_fraction: float
) -> tuple[list[str], list[str]]:
    """Names of the faces of a folder, sorted, for training and for validation.

    A face is for validation where a hash of its name is below `val_fraction`: on every machine the
    same, whatever other faces there are, so that a face that was added moves no other. Where all
    hashes are above, the face of the least one is for validation.

    Args:
        images_dir: folder of the pictures.
        val_fraction: share of the validation faces, above 0 and below 1.

    Raises:
        UserError: no folder, or too few pictures for both.
    """
    places = {}
    for path in pictures_in(Path(images_dir), IMAGE_SUFFIXES, subfolders=True):
        digest = hashlib.sha256(path.stem.encode("utf-8", "surrogateescape")).digest()
        places[path.stem] = int.from_bytes(digest[:8], "big") / 2**64
    names = sorted(places)
    val = [name for name in names if places[name] < val_fraction]
    val = val or sorted(names, key=places.__getitem__)[:1]
    train = [name for name in names if name not in set(val)]
    if not train:
        raise UserError(
            f"data.val_fraction: {images_dir} has {len(names)} faces, of which {val_fraction:g} "
            "leaves none for training; give more faces or a smaller share"
        )
    return train, val


def read_manifest(manifest_csv: str | os.PathLike) -> dict[str, str]:
    """Split of each face, in the order of a manifest with the columns `name` and `split`.

    Raises:
        UserError: unreadable file, or a missing column.
    """
    rows = read_rows(manifest_csv)
    if not rows or not {"name", "split"} <= rows[0].keys():
        raise UserError(f"{manifest_csv}: expected a CSV file with the columns name and split")
    for number, row in enumerate(rows, 2):
        if not row["name"] or not row["split"]:
            raise UserError(f"{manifest_csv}: line {number}: name or split is missing")
        if not is_plain_name(row["name"]):
            raise UserError(
                f"{manifest_csv}: line {number}: {row['name']!r:.100}: names must be plain file "
                "names without suffix"
            )
    return {row["name"]: row["split"] for row in rows}


def _images_by_name(folder: Path) -> dict[str, Path]:
    images, left_out = pictures_by_name(folder, suffixes=IMAGE_SUFFIXES, subfolders=True)
    for path, reason in left_out.items():
        raise UserError(f"{path}: {reason.removeprefix('skipped, ')}; keep one of the two")
    return images


def square_side(path: Path, turned: bool = True) -> int:
    """Side of a picture in pixels, from its head.

    Args:
        turned: whether its EXIF orientation may turn it. Where TensorFlow decodes the file it must
            not: the pixels would lie on their side, and the parsing map would not.

    Raises:
        FaceError: no picture, truncated, not square, or turned.
    """
    if path.suffix.lower() in IMAGE_SUFFIXES:
        check_image_file(path)
    try:
        with open_picture(path, header_only=True) as (image, _):
            width, height = image.size
            # A PNG whose EXIF data follow its pixels would have to be decoded to find them.
            orientation = image.getexif().get(0x0112, 1) if "exif" in image.info else 1
    except UserError as error:
        raise FaceError.corrupt(path, error) from error
    if width != height:
        raise FaceError(WRONG_SIZE, path, f"{width}x{height} pixels, faces must be square")
    if orientation != 1 and not turned:
        raise FaceError(
            CORRUPT_FILE,
            path,
            "turned by its EXIF orientation, which training from a folder does not see; "
            "`psfr prepare` turns it upright",
        )
    return width


def check_image_file(path: Path) -> None:
    """Cheap check of the first and last bytes, since a decoder in a graph cannot name the file.

    Raises:
        FaceError: unreadable, empty, truncated, or neither JPEG nor PNG.
    """
    if path.exists() and not path.is_file():  # opening a pipe would wait for its other end
        raise FaceError(CORRUPT_FILE, path, "not a regular file")
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(max(0, path.stat().st_size - _TAIL))
            tail = file.read()
    except OSError as error:
        raise FaceError(CORRUPT_FILE, path, f"cannot read the picture ({cause(error)})") from error
    if not head:
        raise FaceError(CORRUPT_FILE, path, "the file is empty")
    if head.startswith(b"\xff\xd8\xff"):
        complete = b"\xff\xd9" in tail
    elif head == b"\x89PNG\r\n\x1a\n":
        complete = b"IEND" in tail
    else:
        raise FaceError(CORRUPT_FILE, path, "neither a JPEG nor a PNG file")
    if not complete:
        raise FaceError(CORRUPT_FILE, path, "the picture is truncated")


def _first(items: list[str], complaint: str) -> str:
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    return f"{items[0]}{more}: {complaint}"
