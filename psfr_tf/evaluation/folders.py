"""Samples from two folders: restored pictures, by any method, and their references."""

from pathlib import Path

from psfr_tf.errors import UserError
from psfr_tf.evaluation.pictures import pictures_by_name
from psfr_tf.evaluation.samples import Sample
from psfr_tf.photo import read_photo


class RestoredFolder:
    """Pairs the pictures of two folders by file name without suffix.

    Args:
        restored: folder of restored pictures.
        reference: folder of undamaged pictures.

    Attributes:
        names, versions, problems: see `SampleSource`; a picture without a partner is a problem.

    Raises:
        UserError: if a folder is missing or empty, or no name is in both.
    """

    versions = ("restored",)

    def __init__(self, restored: Path, reference: Path):
        self._restored, problems = pictures_by_name(restored)
        self._reference, more = pictures_by_name(reference)
        self.problems = problems + more
        for path in self._restored.values():
            if path.stem not in self._reference:
                self.problems.append(f"{path}: no picture of this name in {reference}")
        for path in self._reference.values():
            if path.stem not in self._restored:
                self.problems.append(f"{path}: no picture of this name in {restored}")
        self.names = [name for name in self._reference if name in self._restored]
        if not self.names:
            raise UserError(
                f"{restored} and {reference} have no file name in common; "
                "a restored picture needs the name of its reference"
            )

    def load(self, index: int) -> Sample:
        """Reads one pair.

        Raises:
            UserError: if a picture cannot be read, or the two differ in size.
        """
        name = self.names[index]
        restored = read_photo(self._restored[name]).rgb
        reference = read_photo(self._reference[name]).rgb
        if restored.shape != reference.shape:
            raise UserError(
                f"{self._restored[name]}: {_size(restored)} pixels, but "
                f"{self._reference[name]} has {_size(reference)}; bring both to one size"
            )
        return Sample(name, reference, {"restored": restored})


def _size(picture) -> str:
    height, width = picture.shape[:2]
    return f"{width}x{height}"
