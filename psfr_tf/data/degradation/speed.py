"""Images per second of the degradation, by stage: as TensorFlow ops and with OpenCV.

A shared machine makes wall time unsteady, so CPU time is measured too, and each repeat of a stage
is followed at once by the same work in OpenCV: the ratio of the two holds under load.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from psfr_tf.data.degradation import opencv
from psfr_tf.data.degradation.blur import motion_kernel
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

    seed: Any  # int32 [2]
    hq: Any  # [S, S, 3], values 0..255; float32 for TensorFlow, uint8 for OpenCV
    small: Any  # [n, n, 3], the face after the reduction, likewise
    p: DegradationParameters
    motion_kernel: Any  # [k, k]


class Stage(NamedTuple):
    """One row of the table.

    `probability` is that of the stage for one image; `opencv` is None where OpenCV has no
    counterpart.
    """

    name: str
    probability: float
    tensorflow: Callable[[Sample], Any]
    opencv: Callable[[Sample], Any] | None


def stages(degradation: Degradation) -> list[Stage]:
    """The stages in their order, each kind of blur together with the reduction, then the whole."""
    size = degradation.size
    blurred, noisy, _, compressed, grey_probability = PROBABILITY[degradation.form]

    def blur_and_reduce(kind: str | None) -> Stage:
        fixed = {
            "blurred": tf.constant(kind is not None),
            "blur": tf.constant(BLURS.index(kind) if kind else 0),
        }

        def with_opencv(s: Sample) -> np.ndarray:
            image = s.hq
            if kind:
                image = opencv.blur(image, kind, s.p, s.motion_kernel, degradation)
            return opencv.reduce(image, s.p)

        return Stage(
            f"{kind} blur, reduction" if kind else "reduction, no blur",
            blurred / len(BLURS) if kind else 1.0 - blurred,
            lambda s: degradation.blur_and_downsample(s.hq, s.p._replace(**fixed)),
            with_opencv,
        )

    return [
        Stage("random choices", 1.0, lambda s: degradation.draw(s.seed), None),
        *[blur_and_reduce(kind) for kind in (*BLURS, None)],
        Stage(
            "noise",
            noisy,
            lambda s: add_drawn_noise(s.small, s.p),
            None,
        ),
        Stage(
            "JPEG",
            compressed,
            lambda s: jpeg(s.small, s.p.jpeg_quality),
            lambda s: opencv.jpeg(s.small, s.p),
        ),
        Stage(
            "resize back",
            1.0,
            lambda s: round_to_8_bit(resize(s.small, size, size, "bicubic")),
            lambda s: opencv.enlarge(s.small, size),
        ),
        Stage(
            "grey, two pictures",
            grey_probability,
            lambda s: (grey(s.hq), grey(255.0 - s.hq)),
            lambda s: (opencv.to_grey(s.hq), opencv.to_grey(s.hq)),
        ),
        Stage("whole, TensorFlow", 1.0, lambda s: degradation(s.hq, s.seed), None),
        Stage("whole, OpenCV", 1.0, lambda s: opencv.degrade(degradation, s.hq, s.seed), None),
    ]


def measure(
    degradation: Degradation, faces: np.ndarray, images: int, threads: int, repeats: int = 3
) -> Iterator[dict]:
    """Measure every stage.

    Args:
        degradation: form and size.
        faces: uint8 `[F, S, S, 3]` RGB, used in turn.
        images: images per repeat, each with its own random choices.
        threads: for all calls together; a single stage of OpenCV runs on one.
        repeats: of which the medians are taken, after one for warming up.

    Yields:
        One dict per row: "stage", "probability", "cpu_ms" and "wall_ms" per image,
        "images_per_second" (wall, with `threads` threads), "opencv_cpu_ms" and "opencv_ratio"
        (CPU time of OpenCV / CPU time of TensorFlow), both None where there is nothing to compare.
    """
    prepared = _prepare(degradation, faces, images)
    for_opencv = [_as_numbers(sample) for sample in prepared]
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = 1
    previous = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for stage in stages(degradation):
            # More calls than threads: results come in order, and one that takes long would keep
            # the other threads waiting. One iterator for all repeats: making it takes seconds.
            calls = 4 * threads
            dataset = prepared.repeat().map(stage.tensorflow, num_parallel_calls=calls)
            results = iter(dataset.with_options(options))
            times = {"tensorflow": [], "opencv": []}
            for _ in range(repeats + 1):
                times["tensorflow"].append(_timed(lambda results=results: _take(results, images)))
                if stage.opencv:
                    work = lambda stage=stage: [stage.opencv(s) for s in for_opencv]  # noqa: E731
                    times["opencv"].append(_timed(work))
            yield _row(stage, times, images)
    finally:
        cv2.setNumThreads(previous)


def _prepare(degradation: Degradation, faces: np.ndarray, images: int) -> tf.data.Dataset:
    """Samples in memory; a cached element is handed on without a copy."""
    plain = {"blurred": tf.constant(False)}

    def sample(index: tf.Tensor) -> Sample:
        seed = tf.stack([0, tf.cast(index, tf.int32)])
        hq = tf.cast(tf.gather(faces, index % len(faces)), tf.float32)
        p = degradation.draw(seed)
        small = degradation.blur_and_downsample(hq, p._replace(**plain))
        return Sample(seed, hq, small, p, motion_kernel(p.motion_k, p.motion_angle))

    return tf.data.Dataset.range(images).map(sample).cache()


def _as_numbers(sample: Sample) -> Sample:
    p = DegradationParameters(*(value.numpy() for value in sample.p))
    as_picture = (value.numpy().astype(np.uint8) for value in (sample.hq, sample.small))
    return Sample(sample.seed.numpy(), *as_picture, p, sample.motion_kernel.numpy())


def _take(results: Iterator[Any], images: int) -> None:
    for _ in range(images):
        next(results)


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    """CPU seconds of all threads, wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def _row(stage: Stage, times: dict[str, list[tuple[float, float]]], images: int) -> dict:
    def median(which: str, clock: int) -> float:
        return statistics.median(t[clock] for t in times[which][1:]) / images * 1e3

    cpu, wall = median("tensorflow", 0), median("tensorflow", 1)
    row = {
        "stage": stage.name,
        "probability": stage.probability,
        "cpu_ms": round(cpu, 3),
        "wall_ms": round(wall, 3),
        "images_per_second": round(1e3 / wall, 1),
        "opencv_cpu_ms": None,
        "opencv_ratio": None,
    }
    if stage.opencv:
        ratios = [
            theirs[0] / ours[0]
            for ours, theirs in zip(times["tensorflow"][1:], times["opencv"][1:], strict=True)
        ]
        row["opencv_cpu_ms"] = round(median("opencv", 0), 3)
        row["opencv_ratio"] = round(statistics.median(ratios), 3)
    return row
