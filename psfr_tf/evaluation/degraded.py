"""Sharp faces degraded with a seed, or as a manifest says."""

import functools
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from psfr_tf.data.datasets import evaluation_seed
from psfr_tf.data.degradation import Degradation, DegradationParameters
from psfr_tf.errors import UserError
from psfr_tf.photo import read_photo
from psfr_tf.pictures import pictures_by_name, resize_face, size_text, to_uint8


@functools.cache
def traced_degradation(form: str, size: int) -> SimpleNamespace:
    """`degradation`, and as graphs its `draw` of the parameters and `apply`, the rest.

    The same parameters give the same picture, whether they were drawn or read from a manifest.
    Tracing the graphs takes seconds, so they are kept.
    """
    made = Degradation(form, size)
    draw, apply = tf.function(made.draw), tf.function(made.apply)
    return SimpleNamespace(degradation=made, draw=draw, apply=apply)


class SharpFaces:
    """Aligned square faces by name, at one size.

    Args:
        images: folder of aligned square faces, or several.
        size: side S in pixels.
        names: names of the faces in this order; None takes all, sorted.
        split: name of the split of a data set that they are, if one.

    Attributes:
        names, split: as given.
        problems: one line for each picture of the folder that is left out.

    Raises:
        UserError: if the folder is missing or holds no picture.
    """

    def __init__(
        self,
        images: Path | Sequence[Path],
        size: int,
        names: Sequence[str] | None,
        split: str = "",
    ):
        self._images = [images] if isinstance(images, Path) else list(images)
        self._pictures, left_out = pictures_by_name(*self._images)
        self.problems = [f"{path}: {why}" for path, why in left_out.items()]
        self.names: Sequence[str] = list(self._pictures) if names is None else list(names)
        self.size, self.split = size, split

    def path(self, index: int) -> Path:
        """File of one face.

        Raises:
            UserError: if the folder has no picture of that name.
        """
        name = self.names[index]
        if name not in self._pictures:
            places = " or ".join(str(folder / name) for folder in self._images)
            raise UserError(f"{places}: no picture of this name")
        return self._pictures[name]

    def original(self, index: int) -> np.ndarray:
        """One face without any damage or change of color, uint8 RGB [S, S, 3].

        Raises:
            UserError: if it is not there, cannot be read or is not square.
        """
        return sharp_face(self.path(index), self.size).numpy().astype(np.uint8)


class DegradedFaces(SharpFaces):
    """Sharp aligned faces and their low-quality versions, at one size.

    The degradation of a face depends on the seed, the form, the size and the place of its name in
    the list, so it can be made again for one face without the others.

    Args:
        images: folder of aligned square faces, or several.
        size: side S of the faces compared, in pixels; pictures are averaged down, or enlarged
            bicubically, to it.
        seed: of the degradation.
        form: one of `psfr_tf.data.forms.FORMS`.
        names: names of the faces in this order; None takes all, sorted.

    Attributes and errors are those of `SharpFaces`.
    """

    def __init__(self, images: Path | Sequence[Path], size: int, seed: int, form: str, names=None):
        super().__init__(images, size, names)
        self.seed, self._form = seed, form

    def parameters(self, index: int) -> DegradationParameters:
        """What is drawn for one face."""
        draw = traced_degradation(self._form, self.size).draw
        return draw(evaluation_seed(self.seed, index))

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Reads and degrades one face.

        Returns:
            `(lq, hq)`, both uint8 RGB [S, S, 3]; hq is gray too where the form makes it so.

        Raises:
            UserError: if the picture cannot be read or is not square.
        """
        return degraded_face(self.path(index), self._form, self.size, self.parameters(index))


def degraded_face(
    path: Path, form: str, size: int, parameters: DegradationParameters
) -> tuple[np.ndarray, np.ndarray]:
    """`(lq, hq)` of one face, both uint8 RGB [S, S, 3].

    Raises:
        UserError: if the picture cannot be read or is not square.
    """
    lq, hq = traced_degradation(form, size).apply(sharp_face(path, size), parameters)
    return lq.numpy().astype(np.uint8), hq.numpy().astype(np.uint8)


def sharp_face(path: Path, size: int) -> tf.Tensor:
    """A picture at one size, float32 [size, size, 3], whole numbers in [0, 255].

    Raises:
        UserError: if the picture cannot be read or is not square.
    """
    picture = read_photo(path).rgb
    height, width = picture.shape[:2]
    if height != width:
        raise UserError(
            f"{path}: {size_text(picture)} pixels; a square aligned face is needed "
            "(`psfr restore --save-faces` cuts them out of photos)"
        )
    # In floats, so that a picture averaged to a half is rounded to even, on any computer.
    return tf.constant(to_uint8(resize_face(picture.astype(np.float32), size)), tf.float32)
