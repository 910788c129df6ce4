"""Degraded faces that exported files are calibrated and verified with."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from psfr_tf.data.datasets import evaluation_seed
from psfr_tf.data.degradation import Degradation
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.errors import UserError
from psfr_tf.evaluation.degraded import DegradedFaces
from psfr_tf.pictures import normalize


def degraded_faces(data: Path | None, size: int, count: int) -> tuple[np.ndarray, list[str]]:
    """`count` different faces, damaged as the paper does, always the same ones.

    Args:
        data: folder of aligned square faces (or with `images/` inside); None draws cartoon faces.
        size: side S in px.
        count: how many.

    Returns:
        float32 [count, S, S, 3] RGB in [-1, 1], and a line for each picture left out.

    Raises:
        UserError: the folder has fewer readable faces.
    """
    problems: list[str] = []
    source = _drawn(size) if data is None else _read(data, size, problems)
    faces = list(itertools.islice(source, count))
    if len(faces) < count:
        raise UserError(f"{data}: {len(faces)} usable faces; {count} are needed")
    return normalize(np.stack(faces)), problems


def _drawn(size: int) -> Iterator[np.ndarray]:
    degrade = tf.function(Degradation("paper", size))
    for index in itertools.count():
        face = tf.constant(draw_face(index, size)[0], tf.float32)
        yield degrade(face, evaluation_seed(0, index))[0].numpy()


def _read(data: Path, size: int, problems: list[str]) -> Iterator[np.ndarray]:
    images = data / "images" if (data / "images").is_dir() else data
    faces = DegradedFaces(images, size, seed=0, form="paper")
    problems += faces.problems
    for index in range(len(faces.names)):
        try:
            yield faces.load(index)[0]
        except UserError as error:
            problems.append(str(error))
