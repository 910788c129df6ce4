"""Resizing with pixel centers at half-integers, so that no method moves the image.

Output pixel i of a resize from S to n pixels lies at x = (i + 1/2) S / n - 1/2 in the source.
The methods agree with OpenCV's INTER_LINEAR, INTER_CUBIC (a = -0.75) and INTER_AREA. OpenCV's
INTER_NEAREST takes the source pixel floor(i S / n), which lies up to a whole low-resolution pixel
to the upper left; here "nearest" takes the pixel nearest to x, and where two are equally near (at
S / n = 2 they all are) their mean, since either one alone would move the image by half a pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from psfr_tf.data.degradation.separable import along_both_axes

METHODS = ("nearest", "bilinear", "bicubic", "area")

# Output rows that are computed by one product when an image is enlarged.
_BLOCK = 32


class Taps(NamedTuple):
    """The source pixels of each output pixel along one axis.

    Output pixel i is the sum over t of `weights[i, t]` times source pixel `start[i] + t`; places
    outside the image stand for the pixel at the border.
    """

    start: tf.Tensor  # int32 [target], not decreasing
    weights: tf.Tensor  # float32 [target, taps]; each row sums to 1


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
    rows = resampling_taps(tf.shape(image)[0], height, method)
    columns = resampling_taps(tf.shape(image)[1], width, method)
    return tf.cond(
        tf.cast(height, tf.int32) > tf.shape(image)[0],
        lambda: resample_image(image, rows, columns, enlarges=True),
        lambda: resample_image(image, rows, columns, enlarges=False),
    )


def resample_image(image: tf.Tensor, rows: Taps, columns: Taps, enlarges: bool) -> tf.Tensor:
    """`resize` with taps that are already there, float32 `[H, W, C]` to `[h, w, C]`.

    `enlarges` as in `resample_rows`.
    """
    return along_both_axes(
        image,
        lambda lines: resample_rows(lines, rows, enlarges),
        lambda lines: resample_rows(lines, columns, enlarges),
        horizontal_first=enlarges,
    )


def resampling_taps(source: tf.Tensor | int, target: tf.Tensor | int, method: str) -> Taps:
    """Weights of the source pixels in each of `target` pixels along one axis.

    Args:
        source: number of pixels before.
        target: number of pixels after.
        method: one of `METHODS`.

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


def resample_rows(lines: tf.Tensor, taps: Taps, enlarges: bool) -> tf.Tensor:
    """Resample along the first axis.

    Only the pixels under the taps are read: a dense product with the resampling matrix would
    mostly multiply zeros.

    Args:
        lines: float32 `[source, N]`.
        taps: from `resampling_taps(source, target, ...)`.
        enlarges: whether the target has more pixels than the source. The result is the same
            whatever is said, but it takes longer and more memory where that is wrong.

    Returns:
        float32 `[target, N]`.
    """
    # Neighboring outputs of a larger image share their sources, so blocks of them are one product.
    start, weights = _blocks(taps) if enlarges else (taps.start, taps.weights[:, None])
    places = start[:, None] + tf.range(tf.shape(weights)[2])
    sources = tf.gather(lines, tf.clip_by_value(places, 0, tf.shape(lines)[0] - 1))
    products = tf.reshape(tf.matmul(weights, sources), [-1, tf.shape(lines)[1]])
    return products[: tf.shape(taps.start)[0]]


def _blocks(taps: Taps) -> tuple[tf.Tensor, tf.Tensor]:
    """First source pixel of each block of outputs, and its weights `[blocks, _BLOCK, length]`."""
    target, count = tf.shape(taps.weights)[0], tf.shape(taps.weights)[1]
    index = tf.range(target)
    first = taps.start[::_BLOCK]
    offset = taps.start - tf.gather(first, index // _BLOCK)
    length = tf.reduce_max(offset) + count
    rows = tf.shape(first)[0] * _BLOCK
    places = (index * length + offset)[:, None] + tf.range(count)
    weights = tf.scatter_nd(places[:, :, None], taps.weights, [rows * length])
    return first, tf.reshape(weights, [-1, _BLOCK, length])


def _nearest(source: tf.Tensor, target: tf.Tensor) -> Taps:
    # Whole-number arithmetic: x + 1/2 = numerator / (2 target), and a tie is an exact division.
    numerator = (2 * tf.range(target) + 1) * source
    right = numerator // (2 * target)
    tie = tf.equal(numerator % (2 * target), 0)
    left_weight = tf.where(tie, 0.5, 0.0)
    return Taps(right - 1, tf.stack([left_weight, 1.0 - left_weight], axis=1))


def _bilinear(source: tf.Tensor, target: tf.Tensor) -> Taps:
    x = _positions(source, target)
    left = tf.floor(x)
    return Taps(tf.cast(left, tf.int32), tf.stack([left + 1.0 - x, x - left], axis=1))


def _bicubic(source: tf.Tensor, target: tf.Tensor) -> Taps:
    x = _positions(source, target)
    left = tf.floor(x)
    distance = tf.abs((x - left)[:, None] - tf.constant([-1.0, 0.0, 1.0, 2.0]))
    return Taps(tf.cast(left, tf.int32) - 1, _cubic(distance))


def _area(source: tf.Tensor, target: tf.Tensor) -> Taps:
    ratio = tf.cast(source, tf.float32) / tf.cast(target, tf.float32)
    start = tf.range(tf.cast(target, tf.float32)) * ratio
    first = tf.floor(start)
    count = tf.math.ceil(ratio) + 1.0
    pixels = first[:, None] + tf.range(count)
    begin, end = start[:, None], start[:, None] + ratio
    overlap = tf.nn.relu(tf.minimum(end, pixels + 1.0) - tf.maximum(begin, pixels))
    return Taps(tf.cast(first, tf.int32), overlap / tf.reduce_sum(overlap, axis=1, keepdims=True))


def _positions(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    centers = tf.range(tf.cast(target, tf.float32)) + 0.5
    return centers * (tf.cast(source, tf.float32) / tf.cast(target, tf.float32)) - 0.5


def _cubic(distance: tf.Tensor, a: float = -0.75) -> tf.Tensor:
    """Keys' cubic convolution kernel; a = -0.75 as in OpenCV and PyTorch."""
    near = ((a + 2.0) * distance - (a + 3.0)) * tf.square(distance) + 1.0
    far = a * (((distance - 5.0) * distance + 8.0) * distance - 4.0)
    return tf.where(distance <= 1.0, near, tf.where(distance < 2.0, far, 0.0))
