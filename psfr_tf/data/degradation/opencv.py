"""The degradation with OpenCV: what a training run uses on its own machine.

The random choices are those of `Degradation`, drawn from the same seed in the TensorFlow graph;
OpenCV does the rest, on 8-bit pictures and without a graph of thousands of ops. The result is the
same picture but for roundings: OpenCV rounds after each filter, and its 8-bit filters have rounded
weights. A Python function cannot leave its process, so the workers of a tf.data service take the
graph.

The stages take and return uint8 `[H, W, 3]` RGB.
"""

from __future__ import annotations

import atexit
import functools
import threading
import time

import cv2
import numpy as np
import tensorflow as tf

from psfr_tf.data.degradation.blur import motion_kernel
from psfr_tf.data.degradation.noise import draw_noise
from psfr_tf.data.degradation.pipeline import BLURS, Degradation, DegradationParameters, grey
from psfr_tf.data.degradation.resampling import METHODS

# The others keep pixel centres in place; OpenCV's nearest neighbour does not.
_INTERPOLATION = {
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}

# cv2.filter2D, 8-bit pictures: with so many weights it is a Fourier transform.
_DIRECT_WEIGHTS = 130


def degrade(
    degradation: Degradation, hq: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """`degradation(hq, seed)`, for `tf.data.Dataset.map` in this process.

    Args:
        degradation: form and size S.
        hq: float32 `[S, S, 3]` RGB in [0, 255].
        seed: int32 `[2]`; the same seed gives the same result.

    Returns:
        `(lq, hq)`, both float32 `[S, S, 3]` in [0, 255], as `Degradation.__call__` has them.
    """
    return apply(degradation, hq, degradation.draw(seed))


def apply(
    degradation: Degradation, hq: tf.Tensor, p: DegradationParameters
) -> tuple[tf.Tensor, tf.Tensor]:
    """`degradation.apply(hq, p)`; arguments and result as in `degrade`."""
    lq = tf.numpy_function(
        functools.partial(_degraded, degradation),
        [hq, drawn_motion_kernel(p), drawn_noise(p), *p],
        tf.uint8,
        stateful=False,
    )
    lq = tf.ensure_shape(tf.cast(lq, tf.float32), hq.shape)
    return degradation.finish(lq, tf.cond(p.grey, lambda: grey(hq), lambda: hq), p)


def drawn_motion_kernel(p: DegradationParameters) -> tf.Tensor:
    """float32 `[k, k]`; a single 1 where there is no motion blur."""
    moves = p.blurred & tf.equal(p.blur, BLURS.index("motion"))
    return tf.cond(
        moves, lambda: motion_kernel(p.motion_k, p.motion_angle), lambda: tf.ones([1, 1])
    )


def drawn_noise(p: DegradationParameters) -> tf.Tensor:
    """float32 `[n, n, 3]` for the reduced picture; empty where there is none."""
    return tf.cond(
        p.noisy,
        lambda: draw_noise(
            tf.stack([p.low_size, p.low_size, 3]), p.noise_sigma, p.noise_per_channel, p.noise_seed
        ),
        lambda: tf.zeros([0, 0, 3]),
    )


class _Calls:
    """Calls from TensorFlow's threads, counted, so that Python does not end during one.

    tf.data works ahead until its buffers are full. A call that has begun when Python shuts down
    waits for the interpreter's lock for ever, and the destructor of the iterator for the call.
    """

    PAUSE, LIMIT = 0.2, 30.0  # seconds without a call that mean full buffers; longest wait

    def __init__(self):
        self.lock = threading.Lock()
        self.begun = self.ended = 0

    def __enter__(self):
        with self.lock:
            self.begun += 1

    def __exit__(self, *_):
        with self.lock:
            self.ended += 1

    def wait(self) -> None:
        deadline, seen = time.monotonic() + self.LIMIT, 0
        while (seen, seen) != (self.begun, self.ended) and time.monotonic() < deadline:
            seen = self.begun
            time.sleep(self.PAUSE)


_calls = _Calls()
atexit.register(_calls.wait)


def _degraded(
    degradation: Degradation, hq: np.ndarray, kernel: np.ndarray, noise: np.ndarray, *values
) -> np.ndarray:
    """All stages in their order: float32 `[S, S, 3]` in [0, 255] to uint8 `[S, S, 3]`."""
    with _calls:
        return _stages(degradation, hq, kernel, noise, DegradationParameters(*values))


def _stages(
    degradation: Degradation,
    hq: np.ndarray,
    kernel: np.ndarray,
    noise: np.ndarray,
    p: DegradationParameters,
) -> np.ndarray:
    image = cv2.convertScaleAbs(hq)  # rounds
    if p.blurred:
        image = blur(image, BLURS[p.blur], p, kernel, degradation)
    image = reduce(image, p)
    if p.noisy:
        image = add_noise(image, noise)
    if p.compressed:
        image = jpeg(image, p)
    image = enlarge(image, hq.shape[0])
    return to_grey(image) if p.grey else image


def blur(
    image: np.ndarray,
    kind: str,
    p: DegradationParameters,
    kernel: np.ndarray,
    degradation: Degradation,
) -> np.ndarray:
    if kind == "gaussian":
        return cv2.GaussianBlur(image, (0, 0), float(p.gaussian_sigma))
    if kind == "average":
        return cv2.blur(image, (int(p.average_k), int(p.average_k)))
    if kind == "median":
        return cv2.medianBlur(image, degradation.median_sizes[p.median_index])
    return motion_blur(image, kernel)


def motion_blur(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Correlation with a kernel that is zero but for a line.

    filter2D skips zero weights, but from 130 on it does a Fourier transform, which takes ten
    times as long. So it gets a few rows of the kernel at a time.
    """
    sides = len(kernel) // 2
    image_size = image.shape[0]
    columns = np.flatnonzero(kernel.any(axis=0))
    left, width = columns[0], columns[-1] + 1 - columns[0]
    padded = cv2.copyMakeBorder(image, *[sides] * 4, cv2.BORDER_REFLECT_101)[:, left:]
    rows = (_DIRECT_WEIGHTS - 1) // width
    total = None
    for top in range(0, len(kernel), rows):
        strip = kernel[top : top + rows, left : left + width]
        if strip.any():
            # 16 bits hold 255 times 128: seven binary places.
            part = cv2.filter2D(padded[top:], cv2.CV_16S, strip * 128, anchor=(0, 0))
            part = part[:image_size, :image_size]
            total = part if total is None else cv2.add(total, part)
    return cv2.convertScaleAbs(total, alpha=1 / 128)


def reduce(image: np.ndarray, p: DegradationParameters) -> np.ndarray:
    method, size = METHODS[p.interpolation], int(p.low_size)
    if method == "nearest":
        return _nearest(image, size)
    return cv2.resize(image, (size, size), interpolation=_INTERPOLATION[method])


def _nearest(image: np.ndarray, size: int) -> np.ndarray:
    """The source pixel nearest to each centre, the mean of two where both are as near."""
    numerator = (2 * np.arange(size) + 1) * image.shape[0]
    second = numerator // (2 * size)
    ties = numerator % (2 * size) == 0
    nearest = image[second][:, second]
    if not ties.any():
        return nearest
    first = second - ties
    corners = [image[a][:, b] for a, b in ((first, first), (first, second), (second, first))]
    return np.rint(sum(corners, nearest.astype(np.float32)) / 4).astype(np.uint8)


def add_noise(image: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, p: DegradationParameters) -> np.ndarray:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(p.jpeg_quality)])
    return cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def enlarge(image: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)


def to_grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
