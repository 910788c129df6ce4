"""Images per second of the degradation, by stage.

A shared machine makes wall time unsteady, so CPU time is measured too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from psfr_tf.data.degradation.jpeg import jpeg
from psfr_tf.data.degradation.pipeline import (
    BLURS,
    PROBABILITY,
    Degradation,
    DegradationParameters,
    add_drawn_noise,
    grey,
)
from psfr_tf.data.degradation.resampling import resize
from psfr_tf.data.degradation.separable import round_to_8_bit


class Sample(NamedTuple):
    """What a stage may read, prepared outside the measured time."""

    seed: tf.Tensor  # int32 [2]
    hq: tf.Tensor  # float32 [S, S, 3], values 0..255
    small: tf.Tensor  # float32 [n, n, 3], the face after the reduction
    p: DegradationParameters


class Stage(NamedTuple):
    """One row of the table; `probability` is that of the stage for one image."""

    name: str
    probability: float
    work: Callable[[Sample], object]


def stages(degradation: Degradation) -> list[Stage]:
    """The stages in their order, each kind of blur together with the reduction, then the whole."""
    size = degradation.size
    blurred, noisy, _, compressed, grey_probability = PROBABILITY[degradation.form]

    def blur_and_reduce(kind: str | None) -> Stage:
        fixed = {
            "blurred": tf.constant(kind is not None),
            "blur": tf.constant(BLURS.index(kind) if kind else 0),
        }
        return Stage(
            f"{kind} blur, reduction" if kind else "reduction, no blur",
            blurred / len(BLURS) if kind else 1.0 - blurred,
            lambda s: degradation.blur_and_downsample(s.hq, s.p._replace(**fixed)),
        )

    return [
        Stage("random choices", 1.0, lambda s: degradation.draw(s.seed)),
        *[blur_and_reduce(kind) for kind in (*BLURS, None)],
        Stage("noise", noisy, lambda s: add_drawn_noise(s.small, s.p)),
        Stage("JPEG", compressed, lambda s: jpeg(s.small, s.p.jpeg_quality)),
        Stage("resize back", 1.0, lambda s: round_to_8_bit(resize(s.small, size, size, "bicubic"))),
        Stage("grey, two pictures", grey_probability, lambda s: (grey(s.hq), grey(255.0 - s.hq))),
        Stage("whole", 1.0, lambda s: degradation(s.hq, s.seed)),
    ]


def measure(
    degradation: Degradation, faces: np.ndarray, images: int, threads: int, repeats: int = 3
) -> Iterator[dict]:
    """Measure every stage.

    Args:
        degradation: form and size.
        faces: uint8 `[F, S, S, 3]` RGB, used in turn.
        images: images per repeat, each with its own random choices.
        threads: for all calls together.
        repeats: of which the medians are taken, after one for warming up.

    Yields:
        One dict per row: "stage", "probability", "cpu_ms" and "wall_ms" per image, and
        "images_per_second" (wall, with `threads` threads).
    """

    def sample(index: tf.Tensor) -> Sample:
        seed = tf.stack([0, tf.cast(index, tf.int32)])
        hq = tf.cast(tf.gather(faces, index % len(faces)), tf.float32)
        p = degradation.draw(seed)
        small = degradation.blur_and_downsample(hq, p._replace(blurred=tf.constant(False)))
        return Sample(seed, hq, small, p)

    # In memory; a cached element is handed on without a copy.
    prepared = tf.data.Dataset.range(images).map(sample).cache()
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = 1
    for stage in stages(degradation):
        # More calls than threads: results come in order, and one that takes long would keep
        # the other threads waiting. One iterator for all repeats: making it takes seconds.
        dataset = prepared.repeat().map(stage.work, num_parallel_calls=4 * threads)
        results = iter(dataset.with_options(options))
        times = []
        for _ in range(repeats + 1):
            before = time.process_time(), time.perf_counter()
            for _ in range(images):
                next(results)
            after = time.process_time(), time.perf_counter()
            times.append([1e3 * (b - a) / images for a, b in zip(before, after, strict=True)])
        cpu, wall = (statistics.median(clock) for clock in zip(*times[1:], strict=True))
        yield {
            "stage": stage.name,
            "probability": stage.probability,
            "cpu_ms": round(cpu, 3),
            "wall_ms": round(wall, 3),
            "images_per_second": round(1e3 / wall, 1),
        }
