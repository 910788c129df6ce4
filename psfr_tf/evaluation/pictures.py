"""Finds the pictures of a folder by name."""

from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.picture_file import SUFFIXES


def pictures_by_name(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Pictures directly in a folder, by file name without suffix, sorted.

    Args:
        folder: where to look; subfolders and hidden files are left out.

    Returns:
        The pictures, and one line for each that is left out because an earlier one has its name.

    Raises:
        UserError: if there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give a folder of pictures")
    pictures: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or path.is_dir():
            continue
        if path.stem in pictures:
            problems.append(f"{path}: left out, {pictures[path.stem].name} has the same name")
        else:
            pictures[path.stem] = path
    if not pictures:
        raise UserError(f"{folder}: no picture in it ({', '.join(sorted(SUFFIXES))})")
    return pictures, problems


def size_text(picture: np.ndarray) -> str:
    """ "640x480" for a picture [480, 640, ...]."""
    height, width = picture.shape[:2]
    return f"{width}x{height}"
