"""Resizing with pixel centres at half-integers, so that no method moves the image.

Output pixel i of a resize from S to n pixels lies at x = (i + 1/2) S / n - 1/2 in the source.
The methods agree with OpenCV's INTER_LINEAR, INTER_CUBIC (a = -0.75) and INTER_AREA. OpenCV's
INTER_NEAREST takes the source pixel floor(i S / n), which lies up to a whole low-resolution pixel
to the upper left; here "nearest" takes the pixel nearest to x, and where two are equally near (at
S / n = 2 they all are) their mean, since either one alone would move the image by half a pixel.
"""

from __future__ import annotations

import tensorflow as tf

from psfr_tf.data.degradation.separable import apply_separable

METHODS = ("nearest", "bilinear", "bicubic", "area")


def resize(
    image: tf.Tensor, height: tf.Tensor | int, width: tf.Tensor | int, method: str
) -> tf.Tensor:
    """Resize an image; nothing but "area" averages over the pixels between samples.

    Args:
        image: float32 `[H, W, C]`, any range.
        height: rows of the output, a number or a scalar tensor.
        width: columns of the output.
        method: one of `METHODS`.

    Returns:
        float32 `[height, width, C]`, not rounded; "bicubic" may leave the input's range.

    Raises:
        ValueError: unknown method.
    """
    rows = resampling_matrix(tf.shape(image)[0], height, method)
    columns = resampling_matrix(tf.shape(image)[1], width, method)
    return apply_separable(image, rows, columns)


def resampling_matrix(source: tf.Tensor | int, target: tf.Tensor | int, method: str) -> tf.Tensor:
    """Weights of `source` pixels in each of `target` pixels along one axis.

    Args:
        source: number of pixels before.
        target: number of pixels after.
        method: one of `METHODS`.

    Returns:
        float32 `[target, source]`; each row sums to 1.

    Raises:
        ValueError: unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {', '.join(METHODS)}. Received: {method!r}")
    source = tf.cast(source, tf.int32)
    target = tf.cast(target, tf.int32)
    return {"nearest": _nearest, "bilinear": _bilinear, "bicubic": _bicubic, "area": _area}[method](
        source, target
    )


def _nearest(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    # Whole-number arithmetic: x + 1/2 = numerator / (2 target), and a tie is an exact division.
    numerator = (2 * tf.range(target) + 1) * source
    right = tf.minimum(numerator // (2 * target), source - 1)
    tie = tf.equal(numerator % (2 * target), 0)
    left = tf.where(tie, right - 1, right)
    return (tf.one_hot(left, source) + tf.one_hot(right, source)) / 2.0


def _bilinear(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    last = tf.cast(source - 1, tf.float32)
    x = tf.clip_by_value(_positions(source, target), 0.0, last)
    return tf.nn.relu(1.0 - tf.abs(x[:, None] - _pixels(source)))


def _bicubic(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    x = _positions(source, target)
    taps = tf.floor(x)[:, None] + tf.constant([-1.0, 0.0, 1.0, 2.0])
    weights = _cubic(tf.abs(x[:, None] - taps))
    indices = tf.clip_by_value(tf.cast(taps, tf.int32), 0, source - 1)  # replicated border
    return tf.reduce_sum(tf.one_hot(indices, source) * weights[:, :, None], axis=1)


def _area(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    ratio = tf.cast(source, tf.float32) / tf.cast(target, tf.float32)
    start = (tf.range(tf.cast(target, tf.float32)) * ratio)[:, None]
    pixels = _pixels(source)
    overlap = tf.nn.relu(tf.minimum(start + ratio, pixels + 1.0) - tf.maximum(start, pixels))
    return overlap / tf.reduce_sum(overlap, axis=1, keepdims=True)


def _positions(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    centres = tf.range(tf.cast(target, tf.float32)) + 0.5
    return centres * (tf.cast(source, tf.float32) / tf.cast(target, tf.float32)) - 0.5


def _pixels(source: tf.Tensor) -> tf.Tensor:
    return tf.range(tf.cast(source, tf.float32))[None, :]


def _cubic(distance: tf.Tensor, a: float = -0.75) -> tf.Tensor:
    """Keys' cubic convolution kernel; a = -0.75 as in OpenCV and PyTorch."""
    near = ((a + 2.0) * distance - (a + 3.0)) * tf.square(distance) + 1.0
    far = a * (((distance - 5.0) * distance + 8.0) * distance - 4.0)
    return tf.where(distance <= 1.0, near, tf.where(distance < 2.0, far, 0.0))
