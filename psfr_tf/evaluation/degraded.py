"""Samples from sharp faces: degraded with a seed, parsed and restored by a model."""

import functools
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from psfr_tf.data.datasets import evaluation_seed
from psfr_tf.data.degradation import Degradation, resize
from psfr_tf.data.face_folder import read_split
from psfr_tf.data.parsing_map import read_mask
from psfr_tf.errors import UserError
from psfr_tf.evaluation.pictures import pictures_by_name
from psfr_tf.evaluation.samples import Sample
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


class AlignedRestorer(Protocol):
    """What is measured; `psfr_tf.FaceRestorer` is one.

    Attributes:
        size: side S of the faces in pixels.
    """

    size: int

    def restore_and_parse(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 RGB [B, S, S, 3] to restored uint8 RGB [B, S, S, 3] and labels uint8 [B, S, S]."""
        ...


class RestoredFaces:
    """Degraded faces, restored by a model: the samples of `psfr evaluate --weights`.

    What the network reads and what it makes are compared as 8-bit pictures, as if both had been
    saved as PNG files. No photo is involved, so nothing is detected, aligned or pasted back.

    Args:
        restorer: restores and parses aligned faces; its size is that of the comparison.
        data: folder with `images/` (or the pictures themselves) and, if parsing is to be
            measured, `masks/` with a label map for every face.
        seed: of the degradation.
        form: "paper" or "release".
        split: which faces to take, by `manifest`; None takes all.
        manifest: CSV file with the columns name and split; None is `manifest.csv` in `data`.

    Attributes:
        names, versions, problems: see `SampleSource`.

    Raises:
        UserError: if folder or manifest cannot be used.
    """

    versions = ("input", "restored")

    def __init__(
        self,
        restorer: AlignedRestorer,
        data: Path,
        seed: int,
        form: str,
        split: str | None = None,
        manifest: Path | None = None,
    ):
        images = data / "images" if (data / "images").is_dir() else data
        names = read_split(manifest or data / "manifest.csv", split) if split else None
        self._restorer = restorer
        self._faces = DegradedFaces(images, restorer.size, seed, form, names)
        self._masks = data / "masks" if (data / "masks").is_dir() else None
        self.names, self.problems = self._faces.names, self._faces.problems

    def load(self, index: int) -> Sample:
        """Degrades and restores one face.

        Raises:
            UserError: if the picture or its parsing map cannot be used.
        """
        lq, hq = self._faces.load(index)
        name = self.names[index]
        labels = None
        if self._masks:
            labels = read_mask(self._masks / f"{name}.png", self._faces.size)
        restored, parsing = self._restorer.restore_and_parse(lq[None])
        return Sample(
            name,
            reference=hq,
            versions={"input": lq, "restored": restored[0]},
            parsing=parsing[0],
            reference_parsing=labels,
        )
