"""A restored photo and its faces."""

import dataclasses
import os
from dataclasses import dataclass, field

import numpy as np

from psfr_tf.faces.believe import RejectedFace
from psfr_tf.faces.detect import Face
from psfr_tf.photo import QUALITY, Photo, write_photo
from psfr_tf.photo_metadata import NO_METADATA


@dataclass(frozen=True)
class RestoredFace(Face):
    """One face of a photo, aligned to the FFHQ template at the model's size S.

    Attributes:
        box: (x, y, width, height) in pixels of the photo.
        score: detector's confidence in [0, 1].
        landmarks: float32 [5, 2], (x, y) in the photo, see `psfr_tf.faces.detect.Face`.
        matrix: float64 [2, 3], photo to aligned face.
        lq: uint8 RGB [S, S, 3], the aligned face as it is in the photo.
        parsing: uint8 [S, S], parsing map (`psfr_tf.labels`).
        restored: uint8 RGB [S, S, 3], the network's answer, at full strength.
        index: number of the face among those found in the photo, from 0, top to bottom.
    """

    matrix: np.ndarray
    lq: np.ndarray
    parsing: np.ndarray
    restored: np.ndarray
    index: int = 0


@dataclass(frozen=True)
class RestoreResult:
    """A photo after restoration.

    Attributes:
        image: uint8 RGB [H * upscale, W * upscale, 3].
        faces: what was restored, from top to bottom.
        rejected: what the detector took for a face and was left as it is, with the reason.
        left: faces that were found but not chosen.
        photo: what was restored, as it was read.
        alpha: uint8 [H * upscale, W * upscale], the photo's transparency; None if it has none.
    """

    image: np.ndarray
    faces: list[RestoredFace] = field(default_factory=list)
    rejected: list[RejectedFace] = field(default_factory=list)
    left: list[RestoredFace] = field(default_factory=list)
    photo: Photo | None = None
    alpha: np.ndarray | None = None

    def save(self, path: str | os.PathLike, quality: int = QUALITY, strip: bool = False) -> None:
        """Write the picture as PNG, JPEG or WebP, after the ending of the name.

        EXIF data (date, place, camera) and color profile of the photo's file are kept, its
        orientation is applied, a gray photo stays gray. JPEG has no transparency.

        Args:
            quality: 1..100, of JPEG and WebP.
            strip: leave the metadata out; the pixels are then sRGB.

        Raises:
            UserError: no such format, or a side is longer than it allows.
            OSError: the file cannot be written.
        """
        photo = self.photo
        if photo is not None and strip:
            photo = dataclasses.replace(photo, metadata=NO_METADATA)
        write_photo(path, self.image, self.alpha, photo, quality)
