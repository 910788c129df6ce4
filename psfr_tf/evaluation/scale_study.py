"""Figure 6 of the paper: which scale of the input adds what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from psfr_tf.evaluation.study_figures import write_figure
from psfr_tf.evaluation.systems import BicubicInput, Sample, System
from psfr_tf.labels import NUM_CLASSES
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.models.face_parsing import parsing_map
from psfr_tf.pictures import denormalize, normalize, to_uint8
from psfr_tf.report import charts

IMAGE_CHANNELS = 3
KINDS = ("LQ", "parsing", "both")


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
        for kind, left in zip(KINDS, ((rest, sizes), (sizes, rest), (rest, rest)), strict=True):
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
        for offset, kind in enumerate(KINDS, -1):
            changes = [means[f"without {kind} at {s}"] - means[columns[-1]] for s in sizes]
            color = charts.series(offset + 2)
            axis.bar(places + 0.27 * offset, changes, 0.25, label=kind, color=color)
        axis.set_xticks(places, [str(size) for size in sizes])
        axis.axhline(0.0, color="black", linewidth=0.8)
        axis.set_xlabel("scale that is zero (px)")
        axis.set_title("change of ")

    write_figure(path, report, rows, draw)
