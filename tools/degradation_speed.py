"""Images per second of the degradation, by stage.

    python tools/degradation_speed.py --form release [--size 512] [--data faces]

A shared machine makes wall time unsteady, so CPU time is measured too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from psfr_tf.data.degradation.jpeg import jpeg
from psfr_tf.data.degradation.noise import add_noise
from psfr_tf.data.degradation.pipeline import (
    BLURS,
    PROBABILITY,
    Degradation,
    DegradationParameters,
    gray,
)
from psfr_tf.data.degradation.resampling import resize
from psfr_tf.data.degradation.separable import round_to_8_bit
from psfr_tf.data.forms import FORMS
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.machine import describe_machine
from psfr_tf.photo import read_photo
from psfr_tf.pictures import find_photos, resize_face

FACES = 8  # distinct ones in memory; more would not change the times


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
    blurred, noisy, _, compressed, gray_probability = PROBABILITY[degradation.form]

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
        Stage(
            "noise",
            noisy,
            lambda s: add_noise(s.small, s.p.noise_sigma, s.p.noise_per_channel, s.p.noise_seed),
        ),
        Stage("JPEG", compressed, lambda s: jpeg(s.small, s.p.jpeg_quality)),
        Stage("resize back", 1.0, lambda s: round_to_8_bit(resize(s.small, size, size, "bicubic"))),
        Stage("gray, two pictures", gray_probability, lambda s: (gray(s.hq), gray(255.0 - s.hq))),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--form", choices=FORMS, default="release")
    parser.add_argument("--size", type=int, default=512, help="side of the faces (%(default)s px)")
    parser.add_argument("--images", type=int, default=100, help="per repeat (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="after one for warming up")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--data", type=Path, help="folder of square faces (default: drawn ones)")
    args = parser.parse_args()
    if args.data:
        pictures = [read_photo(path).rgb for path in find_photos([args.data])[0][:FACES]]
    else:
        pictures = [draw_face(seed, args.size)[0] for seed in range(FACES)]
    faces = np.stack([resize_face(picture, args.size) for picture in pictures])
    machine = describe_machine("tensorflow")
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_average_1_min']}")
    print(f"TensorFlow {machine['tensorflow']}, form {args.form}, {args.size} px")
    print(f"{args.threads} threads, {args.images} images\n")
    print(f"{'stage':<26} {'p':>5} {'CPU ms':>8} {'images/s':>9}")
    degradation = Degradation(args.form, args.size)
    for row in measure(degradation, faces, args.images, args.threads, args.repeats):
        print(
            f"{row['stage']:<26} {row['probability']:>5.3g} {row['cpu_ms']:>8.2f} "
            f"{row['images_per_second']:>9.1f}"
        )
    print("\nCPU ms: processor time per image, all threads; images/s: by the clock.")


if __name__ == "__main__":
    main()
