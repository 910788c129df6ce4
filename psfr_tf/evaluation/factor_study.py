"""Figure 7 of the paper: restoration against the up-scaling factor."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from psfr_tf.evaluation.degraded import DegradedFaces, traced_degradation
from psfr_tf.evaluation.study_figures import write_figure
from psfr_tf.evaluation.systems import Model, Sample, System
from psfr_tf.report import charts

KINDS = ("input", "restored")


class ScaledDownFace:
    """A system that makes its own input: the face degraded with a fixed reduction.

    Blur, interpolation, noise and JPEG quality are those that the seed draws for the face; only
    the size to which it is reduced is replaced, by S / factor.

    Args:
        faces: where the original comes from; names and draws are its own.
        form: form of the degradation.
        factor: S is reduced by it.
        model: restores the result; None leaves it as it is, enlarged bicubically.
    """

    def __init__(self, faces: DegradedFaces, form: str, factor: int, model: Model | None = None):
        self._faces, self._factor, self._model = faces, factor, model
        self._traced = traced_degradation(form, faces.size)
        self._places = {name: index for index, name in enumerate(faces.names)}

    def restore(self, name, lq, reference):
        drawn = self._faces.parameters(self._places[name])
        fixed = drawn._replace(low_size=tf.constant(self._faces.size // self._factor, tf.int32))
        face, _ = self._traced.apply(tf.constant(reference, tf.float32), fixed)
        face = face.numpy().astype(np.uint8)
        if self._model is None:
            return face, None
        return self._model.restore(name, face, reference)[0], None


def factor_variants(
    faces: DegradedFaces, form: str, model: Model, factors: Sequence[int]
) -> dict[str, System]:
    """`x2 input`, `x2 restored`, `x4 input` and so on."""
    return {
        f"x{factor} {kind}": ScaledDownFace(faces, form, factor, model if kind != "input" else None)
        for factor in factors
        for kind in KINDS
    }


def write_factor_figure(
    path: Path, report: Mapping, samples: Sequence[Sample], factors: Sequence[int]
) -> None:
    """For each face a row of inputs and a row of results; below, the metrics by factor."""
    names = [f"x{factor}" for factor in factors]
    rows = [
        {
            **{name: sample.versions[f"{name} {kind}"] for name in names},
            "original": sample.reference,
        }
        for sample in samples
        for kind in KINDS
    ]

    def draw(axis, means):
        curves = {kind: (names, [means[f"{name} {kind}"] for name in names]) for kind in KINDS}
        for line, color in zip(charts.lines(axis, curves, marker="o"), charts.SERIES, strict=False):
            line.set_color(color)
        axis.set_xlabel("up-scaling factor")

    write_figure(path, report, rows, draw)
