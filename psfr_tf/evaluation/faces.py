"""Pairs of a degraded face and its original, from folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.photo import read_photo
from psfr_tf.pictures import pictures_by_name, size_text


class Faces(Protocol):
    """A sequence of faces.

    Attributes:
        names: name of each.
        problems: one line for each picture that is left out.
    """

    names: Sequence[str]
    problems: list[str]

    def load(self, index: int) -> tuple[np.ndarray | None, np.ndarray]:
        """`(lq, original)`, uint8 RGB of one shape; lq None where there is none.

        Raises:
            UserError: with one line, if the face cannot be used.
        """
        ...


class FolderFaces:
    """Originals in one folder and, if given, their degraded versions in another.

    Pairs have the same file name without suffix and the same size.

    Args:
        reference: folder of originals.
        lq: folder of degraded versions; None if only results are compared.

    Raises:
        UserError: if a folder is missing or empty.
    """

    def __init__(self, reference: Path, lq: Path | None = None):
        self._reference, left_out = pictures_by_name(reference)
        self.problems = [f"{path}: {why}" for path, why in left_out.items()]
        self._lq = None if lq is None else ResultFolder(lq)
        self.problems += self._lq.problems if self._lq else []
        self.names = list(self._reference)

    def load(self, index: int) -> tuple[np.ndarray | None, np.ndarray]:
        """See `Faces`."""
        name = self.names[index]
        reference = read_photo(self._reference[name]).rgb
        lq = self._lq.restore(name, None, reference)[0] if self._lq else None
        return lq, reference


class ResultFolder:
    """Pictures that any other system made, found by the name of the face.

    Raises:
        UserError: if there is no such folder, or no picture in it.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.pictures, left_out = pictures_by_name(folder)
        self.problems = [f"{path}: {why}" for path, why in left_out.items()]

    def restore(self, name, lq, reference):
        if name not in self.pictures:
            raise UserError(f"{name}: no picture of this name in {self._folder}")
        picture = read_photo(self.pictures[name]).rgb
        if picture.shape != reference.shape:
            raise UserError(
                f"{self.pictures[name]}: {size_text(picture)} pixels, but its original has "
                f"{size_text(reference)}; bring both to one size"
            )
        return picture, None
