"""CelebAMask-HQ as downloaded: pictures, one mask file for each part of a face, official split."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from psfr_tf.data.face_error import (
    MISSING_MASK,
    MISSING_PICTURE,
    UNKNOWN_LABEL,
    WRONG_SIZE,
    FaceError,
)
from psfr_tf.data.layouts.face_files import FaceFiles, FaceList, found_in
from psfr_tf.errors import UserError, cause
from psfr_tf.files import read_bounded
from psfr_tf.labels import LABELS
from psfr_tf.picture_file import open_picture

IMAGES = "CelebA-HQ-img"
PARTS = "CelebAMask-HQ-mask-anno"
MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"

# CelebA's list_eval_partition.txt: pictures 000001..162770 are for training, up to 182637 for
# validation, up to 202599 for testing.
LAST_TRAIN, LAST_VAL = 162770, 182637

_PART_FILE = re.compile(r"(\d{5})_(\w+)\.png")


def celebamask_hq(root: Path) -> FaceList:
    """The faces of CelebAMask-HQ.

    `CelebA-HQ-img/0.jpg` is the picture, `CelebAMask-HQ-mask-anno/0/00000_hair.png` and the like
    are its parts; sub-folder k holds the parts of faces 2000 k to 2000 k + 1999. Faces of the
    mapping without a picture, and pictures without parts, are listed as faults.

    Args:
        root: the folder `CelebAMask-HQ` of the download.

    Raises:
        UserError: a part of the layout is not there; the message names it.
    """
    for name in (IMAGES, PARTS, MAPPING):
        if not (root / name).exists():
            raise UserError(
                f"{root}: not CelebAMask-HQ as downloaded: {name} is missing (expected {IMAGES}/, "
                f"{PARTS}/ and {MAPPING})"
            )
    splits = read_mapping(root / MAPPING)
    pictures, faults = found_in(root / IMAGES)
    parts = _parts_by_face(root / PARTS, faults)
    faces = []
    for number, split in splits.items():
        name = str(number)
        if name not in pictures:
            reason = f"no such picture, but {MAPPING} has it"
            fault = FaceError(MISSING_PICTURE, root / IMAGES / f"{name}.jpg", reason)
            faults.append((name, fault))
            continue
        faces.append(FaceFiles(name, split, pictures[name], parts.get(number)))
        if number not in parts:
            reason = f"no part files {number:05d}_*.png in {PARTS}"
            faults.append((name, FaceError(MISSING_MASK, pictures[name], reason)))
    return FaceList(faces, faults, has_masks=True)


def read_mapping(path: Path) -> dict[int, str]:
    """Split of each face of CelebAMask-HQ, which is the split of its original in CelebA.

    The file has the columns idx, orig_idx and orig_file, with or without a line of titles. The
    split follows from the number in orig_file, the key of CelebA's list_eval_partition.txt;
    orig_idx is one less. That gives the published 24,183 / 2,993 / 2,824. (The script
    g_partition.py of the data set compares orig_idx with the bounds of orig_file and may so
    differ by one face at each bound.)

    Returns:
        "train", "val" or "test" by number, in ascending order.

    Raises:
        UserError: unreadable, or a line of another form.
    """
    splits = {}
    try:
        lines = read_bounded(path, 2**26).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the mapping ({error})") from error
    for number, line in enumerate(lines, 1):
        columns = line.split()
        if not columns or columns[0] == "idx":
            continue
        try:
            index, _, original = int(columns[0]), int(columns[1]), int(Path(columns[2]).stem)
        except (ValueError, IndexError):
            raise UserError(
                f"{path}: line {number}: expected idx orig_idx orig_file, got {line.strip()!r}"
            ) from None
        if original <= LAST_TRAIN:
            splits[index] = "train"
        else:
            splits[index] = "val" if original <= LAST_VAL else "test"
    if not splits:
        raise UserError(f"{path}: the mapping has no faces")
    return dict(sorted(splits.items()))


def compose_parts(parts: Mapping[str, Path]) -> np.ndarray:
    """Put the parts of a face together into one parsing map.

    Parts overlap (the skin lies under the nose, the hair over the ears). The later one of
    `psfr_tf.labels.LABELS` covers the earlier ones, as in the data set's own script
    (switchablenorms/CelebAMask-HQ, face_parsing/Data_preprocessing/g_mask.py); any value but 0
    belongs to the part. A part keeps the label of its file name: `l_eye` is the person's own left
    eye, on the right side of the picture.

    Args:
        parts: files by label.

    Returns:
        uint8 `[S, S]`, values 0..18.

    Raises:
        FaceError: a part cannot be read, is not square, or has another size than the others.
    """
    labels = None
    for value, name in enumerate(LABELS):
        if name not in parts:
            continue
        path = parts[name]
        try:
            with open_picture(path) as (image, _):
                part = np.asarray(image.convert("L")) > 0
        except UserError as error:
            raise FaceError.corrupt(path, error, "cannot read the part") from error
        if labels is None:
            labels = np.zeros((part.shape[1], part.shape[1]), np.uint8)
        if part.shape != labels.shape:
            size, expected = part.shape[::-1], labels.shape[0]
            reason = f"{size[0]}x{size[1]} pixels, expected {expected}x{expected} as in other parts"
            raise FaceError(WRONG_SIZE, path, reason)
        labels[part] = value
    assert labels is not None, "a face without parts is a fault of the list"
    return labels


def _parts_by_face(folder: Path, faults: list[tuple[str, FaceError]]) -> dict[int, dict[str, Path]]:
    """Part files by number of the face and label; parts of unknown names are added to `faults`."""
    found: dict[int, dict[str, Path]] = {}
    try:
        for subfolder in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if not subfolder.is_dir():
                continue
            for entry in sorted(os.listdir(subfolder)):
                match = _PART_FILE.fullmatch(entry)
                if match is None:
                    continue
                number, part, path = int(match[1]), match[2], Path(subfolder.path, entry)
                if part in LABELS[1:]:
                    found.setdefault(number, {})[part] = path
                else:
                    reason = f"{part} is none of the parts of CelebAMask-HQ"
                    faults.append((str(number), FaceError(UNKNOWN_LABEL, path, reason)))
    except OSError as error:
        raise UserError(f"{error.filename}: cannot list the folder ({cause(error)})") from error
    if not found:
        raise UserError(f"{folder}: no part files such as 0/00000_skin.png")
    return found
