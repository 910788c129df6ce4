"""Pairs of a degraded face and its original, from folders."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.photo import read_photo
from psfr_tf.pictures import pictures_by_name, size_text


class FolderFaces:
    """Originals in one folder and, if given, their degraded versions in another.

    Pairs have the same file name without suffix and the same size.

    Args:
        reference: folder of originals.
        lq: folder of degraded versions; None if only results are compared.
        resize: bring degraded versions to the size of their originals.

    Attributes:
        names: name of each face.
        problems: one line for each picture that is left out.

    Raises:
        UserError: if a folder is missing or empty.
    """

    def __init__(self, reference: Path, lq: Path | None = None, resize: bool = False):
        self._reference, left_out = pictures_by_name(reference)
        self.problems = [f"{path}: {why}" for path, why in left_out.items()]
        self.names = list(self._reference)
        self._lq = None if lq is None else ResultFolder(lq, resize)
        if self._lq:
            self._lq.match(self.names)
            self.problems += self._lq.problems

    def load(self, index: int) -> tuple[np.ndarray | None, np.ndarray]:
        """`(lq, original)`, uint8 RGB of one shape; lq None where there is none.

        Raises:
            UserError: with one line, if the face cannot be used.
        """
        name = self.names[index]
        reference = read_photo(self._reference[name]).rgb
        lq = self._lq.restore(name, None, reference)[0] if self._lq else None
        return lq, reference


class ResultFolder:
    """Pictures that any other system made, found by the name of the face.

    Args:
        folder: of the pictures.
        resize: bring them to the size of their originals: area average when smaller, cubic when
            larger.

    Attributes:
        pictures: by name, after `match` by the name of the face.
        problems: one line for each picture that is left out.

    Raises:
        UserError: if there is no such folder, or no picture in it.
    """

    def __init__(self, folder: Path, resize: bool = False):
        self._folder, self._resize = folder, resize
        self.pictures, left_out = pictures_by_name(folder)
        self.problems = [f"{path}: {why}" for path, why in left_out.items()]

    def match(self, names: Iterable[str]) -> None:
        """Find also NAME_00.png and the like, as GFPGAN and others call the faces of NAME.png."""
        known = set(names)
        found = {name: path for name, path in self.pictures.items() if name in known}
        for stem, path in self.pictures.items():
            if stem in known:
                continue
            # The longest name that the file's begins with: of a and a_b, a_b_00 belongs to a_b.
            ends = [place for place, letter in enumerate(stem) if letter in "_-."]
            name = next((stem[:end] for end in reversed(ends) if stem[:end] in known), stem)
            first = found.setdefault(name, path)
            if first != path:
                self.problems.append(f"{path}: skipped, {first.name} is taken for {name}")
        self.pictures = found

    def restore(self, name, lq, reference):
        if name not in self.pictures:
            raise UserError(f"{name}: no picture of this name in {self._folder}")
        picture = read_photo(self.pictures[name]).rgb
        if picture.shape != reference.shape:
            if not self._resize:
                raise UserError(
                    f"{self.pictures[name]}: {size_text(picture)} pixels, but its original has "
                    f"{size_text(reference)}; bring both to one size, or use --resize"
                )
            picture = _resized(picture, *reference.shape[:2])
        return picture, None


def _resized(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    import cv2

    reduces = picture.shape[0] > height or picture.shape[1] > width
    method = cv2.INTER_AREA if reduces else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=method)
