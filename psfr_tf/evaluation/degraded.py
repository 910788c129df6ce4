"""Samples from sharp faces: degraded with a seed, parsed and restored by a model."""

import functools
from pathlib import Path

import numpy as np
import tensorflow as tf

from psfr_tf.data.datasets import evaluation_seed
from psfr_tf.data.degradation import Degradation, resize
from psfr_tf.errors import UserError
from psfr_tf.evaluation.pictures import pictures_by_name
from psfr_tf.photo import read_photo


@functools.cache
def _degradation(form: str, size: int):
    """Tracing the graph takes seconds, so it is kept."""
    return tf.function(Degradation(form, size))


class DegradedFaces:
    """Sharp aligned faces and their low-quality versions, at one size.

    The degradation of a face depends on the seed, the form, the size and the place of its name in
    the list, so it can be made again for one face without the others.

    Args:
        images: folder of aligned square faces.
        size: side S of the faces compared, in pixels; pictures are averaged down, or enlarged
            bicubically, to it.
        seed: of the degradation.
        form: "paper" or "release".
        names: names of the faces in this order; None takes all, sorted.

    Attributes:
        names: as given.
        problems: one line for each picture of the folder that is left out.

    Raises:
        UserError: if the folder is missing or holds no picture.
    """

    def __init__(self, images: Path, size: int, seed: int, form: str, names=None):
        self._images = images
        self._pictures, self.problems = pictures_by_name(images)
        self.names = list(self._pictures) if names is None else list(names)
        self.size, self.seed = size, seed
        self._degrade = _degradation(form, size)

    def path(self, index: int) -> Path:
        """File of one face.

        Raises:
            UserError: if the folder has no picture of that name.
        """
        name = self.names[index]
        if name not in self._pictures:
            raise UserError(f"{self._images / name}: no picture of this name")
        return self._pictures[name]

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Reads and degrades one face.

        Returns:
            `(lq, hq)`, both uint8 RGB [S, S, 3]; hq is grey too where the form makes it so.

        Raises:
            UserError: if the picture cannot be read or is not square.
        """
        path = self.path(index)
        picture = read_photo(path).rgb
        height, width = picture.shape[:2]
        if height != width:
            raise UserError(
                f"{path}: {width}x{height} pixels; a square aligned face is needed "
                "(`psfr restore --save-faces` cuts them out of photos)"
            )
        hq = tf.constant(picture, tf.float32)
        if height != self.size:
            method = "area" if height > self.size else "bicubic"
            hq = tf.clip_by_value(tf.round(resize(hq, self.size, self.size, method)), 0.0, 255.0)
        lq, hq = self._degrade(hq, evaluation_seed(self.seed, index))
        return lq.numpy().astype(np.uint8), hq.numpy().astype(np.uint8)
