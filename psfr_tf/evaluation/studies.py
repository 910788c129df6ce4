"""Figures 6 and 7 of the paper: which scale of the input adds what, and restoration against the
up-scaling factor. Rows of faces, and below them the numbers."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from psfr_tf.evaluation.contact_sheet import draw_contact_sheet
from psfr_tf.evaluation.degraded import DegradedFaces, traced_degradation
from psfr_tf.evaluation.systems import BicubicInput, Model, Sample, System
from psfr_tf.evaluation.table import heading
from psfr_tf.files import write_png
from psfr_tf.labels import NUM_CLASSES
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.models.face_parsing import parsing_map
from psfr_tf.pictures import denormalize, normalize, to_uint8
from psfr_tf.report import charts

IMAGE_CHANNELS = 3
LEFT_OUT = ("LQ", "parsing", "both")  # Figure 6
SHOWN = ("input", "restored")  # Figure 7


class ScaledInputs:
    """A generator whose inputs are zero at chosen scales.

    Each scale of the generator is styled by its own reduction of LQ and of the parsing map; either
    can be replaced by zeros at any scale. A generator that adds its output to LQ still does so.

    Args:
        generator: the model's generator.
        parsing_network: the model's parsing network.

    Attributes:
        sizes: side of each scale in pixels, from coarse to fine.
        image_size: side of the faces.
    """

    def __init__(self, generator: Generator, parsing_network: FaceParsingNetwork):
        self.sizes = sorted(generator.channels)
        self.image_size = generator.image_size
        references = generator.reference_pyramid.output
        # At the largest scale of a sub-pixel generator LQ comes as blocks of pixels.
        last = IMAGE_CHANNELS * generator.subpixel**2
        lq_channels = [*[IMAGE_CHANNELS] * (len(self.sizes) - 1), last]
        labels = NUM_CLASSES if generator.parsing_input else 0
        # Intermediate tensors of the functional graph as inputs: the rest of the network is kept.
        from_references = keras.Model([generator.inputs[0], *references], generator.outputs[0])

        @tf.function(autograph=False)
        def parse(lq):
            logits = parsing_network(lq, training=False)["logits"]
            return parsing_map(logits, generator.soft_parsing)

        @tf.function(autograph=False)
        def restore(lq, parsing, lq_factors, parsing_factors):
            inputs = generator.reference_pyramid([lq, parsing])
            scaled = [
                tf.concat(
                    [
                        reference[..., :count] * lq_factors[k],
                        reference[..., count : count + labels] * parsing_factors[k],
                        reference[..., count + labels :],  # noise
                    ],
                    axis=-1,
                )
                for k, (reference, count) in enumerate(zip(inputs, lq_channels, strict=True))
            ]
            restored = from_references([lq, *scaled], training=False)
            return tf.clip_by_value(restored, -1.0, 1.0)

        self._parse, self._restore = parse, restore
        self._last: tuple[bytes, tf.Tensor] | None = None

    def restore(
        self, lq: np.ndarray, lq_sizes: Collection[int], parsing_sizes: Collection[int]
    ) -> np.ndarray:
        """Restores a face with LQ at some scales and the parsing map at some.

        Args:
            lq: uint8 RGB [S, S, 3].
            lq_sizes: those of `sizes` at which LQ is not zero.
            parsing_sizes: the same for the parsing map.

        Returns:
            uint8 RGB [S, S, 3].
        """
        x = tf.constant(normalize(lq[None]))
        key = lq.tobytes()
        if self._last is None or self._last[0] != key:  # the same face in every variant
            self._last = key, self._parse(x)
        factors = [
            tf.constant([float(size in sizes) for size in self.sizes])
            for sizes in (lq_sizes, parsing_sizes)
        ]
        restored = self._restore(x, self._last[1], *factors)[0].numpy()
        return to_uint8(denormalize(restored))


@dataclass(frozen=True)
class ScaleVariant:
    """A system: the generator with LQ and parsing map at these scales only."""

    generator: ScaledInputs
    lq_sizes: tuple[int, ...]
    parsing_sizes: tuple[int, ...]

    def restore(self, name, lq, reference):
        return self.generator.restore(lq, self.lq_sizes, self.parsing_sizes), None


def scale_variants(generator: ScaledInputs) -> dict[str, System]:
    """What Figure 6 compares, by name.

    `input`; `none`, then both inputs `up to` each scale from the coarsest on; then all inputs but
    `LQ`, the `parsing` or `both` at one scale.
    """
    sizes = tuple(generator.sizes)
    systems: dict[str, System] = {"input": BicubicInput()}
    systems["none"] = ScaleVariant(generator, (), ())
    for count in range(1, len(sizes) + 1):
        systems[f"up to {sizes[count - 1]}"] = ScaleVariant(generator, sizes[:count], sizes[:count])
    for size in sizes:
        rest = tuple(other for other in sizes if other != size)
        for kind, left in zip(LEFT_OUT, ((rest, sizes), (sizes, rest), (rest, rest)), strict=True):
            systems[f"without {kind} at {size}"] = ScaleVariant(generator, *left)
    return systems


def write_scale_figure(
    path: Path, report: Mapping, samples: Sequence[Sample], sizes: Sequence[int]
) -> None:
    """Faces with the inputs up to each scale; below, what leaving one scale out costs."""
    columns = ["input", "none", *(f"up to {size}" for size in sizes)]
    rows = [
        {**{name: sample.versions[name] for name in columns}, "original": sample.reference}
        for sample in samples
    ]

    def draw(axis, means):
        places = np.arange(len(sizes))
        for offset, kind in enumerate(LEFT_OUT, -1):
            changes = [means[f"without {kind} at {s}"] - means[columns[-1]] for s in sizes]
            color = charts.series(offset + 2)
            axis.bar(places + 0.27 * offset, changes, 0.25, label=kind, color=color)
        axis.set_xticks(places, [str(size) for size in sizes])
        axis.axhline(0.0, color="black", linewidth=0.8)
        axis.set_xlabel("scale that is zero (px)")
        axis.set_title("change of ")

    _write_figure(path, report, rows, draw)


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
        for kind in SHOWN
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
        for kind in SHOWN
    ]

    def draw(axis, means):
        curves = {kind: (names, [means[f"{name} {kind}"] for name in names]) for kind in SHOWN}
        for line, color in zip(charts.lines(axis, curves, marker="o"), charts.SERIES, strict=False):
            line.set_color(color)
        axis.set_xlabel("up-scaling factor")

    _write_figure(path, report, rows, draw)


@charts.styled()
def _write_figure(
    path: Path,
    report: Mapping,
    rows: Sequence[Mapping[str, np.ndarray]],
    draw: Callable[[charts.Axes, Mapping[str, float | None]], None],
) -> None:
    """Write faces, and below them a panel for each metric.

    Args:
        path: of the PNG file.
        report: of an evaluation.
        rows: of faces, as in `draw_contact_sheet`.
        draw: draws the means of a metric by version, with labels for a legend.
    """
    sheet = draw_contact_sheet(rows, cell=192)
    count = len(report["metrics"])
    columns = 2 if count == 4 else min(3, count)
    lines = math.ceil(count / columns)
    figure, axes = charts.panels(sheet.shape[1], 300 * lines, lines, columns, count)
    for axis, summary in zip(axes, report["metrics"].values(), strict=True):
        means = {v: np.nan if mean is None else mean for v, mean in summary["mean"].items()}
        draw(axis, means)
        direction = "higher" if summary["higher_is_better"] else "lower"
        axis.set_title(f"{axis.get_title()}{heading(summary)}, {direction} is better")
    axes[0].legend()
    write_png(path, np.concatenate([sheet, charts.pixels(figure)]))
