"""Finds the pictures of a folder by name."""

from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.picture_file import SUFFIXES


def pictures_by_name(*folders: Path) -> tuple[dict[str, Path], list[str]]:
    """Pictures directly in folders, by file name without suffix, sorted in each folder.

    Args:
        folders: where to look; subfolders and hidden files are left out.

    Returns:
        The pictures, and one line for each that is left out because an earlier one has its name.

    Raises:
        UserError: if there is no such folder, or no picture in one of them.
    """
    pictures: dict[str, Path] = {}
    problems = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; give a folder of pictures")
        found = [
            path
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in SUFFIXES
            and not path.name.startswith(".")
            and not path.is_dir()
        ]
        if not found:
            raise UserError(f"{folder}: no picture in it ({', '.join(sorted(SUFFIXES))})")
        for path in found:
            first = pictures.setdefault(path.stem, path)
            if first != path:
                name = first.name if first.parent == folder else first
                problems.append(f"{path}: left out, {name} has the same name")
    return pictures, problems


def size_text(picture: np.ndarray) -> str:
    """ "640x480" for a picture [480, 640, ...]."""
    height, width = picture.shape[:2]
    return f"{width}x{height}"
