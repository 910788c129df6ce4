"""Linear filters that act on rows and columns separately, written as matrix products.

A separable filter with a border rule is a matrix applied along each axis. Two products per image
are faster in TensorFlow on a CPU than a depthwise convolution over three channels, and one code
path then serves every blur kernel and every resampling ratio, known or not when traced.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def apply_separable(image: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Filter or resample an image along its two axes.

    Args:
        image: float32 `[H, W, C]`, any range.
        rows: float32 `[h, H]`; row `i` holds the weights of the source rows in output row `i`.
        columns: float32 `[w, W]`, the same for columns.

    Returns:
        float32 `[h, w, C]`.
    """
    return along_both_axes(
        image,
        lambda lines: tf.matmul(rows, lines),
        lambda lines: tf.matmul(columns, lines),
    )


def along_both_axes(
    image: tf.Tensor,
    vertical: Callable[[tf.Tensor], tf.Tensor],
    horizontal: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Apply one linear map along the rows of an image and one along its columns.

    Args:
        image: `[H, W, C]`.
        vertical: function from `[H, any]` to `[h, any]` that treats each column alike.
        horizontal: function from `[W, any]` to `[w, any]`.

    Returns:
        `[h, w, C]`.
    """
    image = _along_first_axis(vertical, image)
    image = _along_first_axis(horizontal, tf.transpose(image, [1, 0, 2]))
    return tf.transpose(image, [1, 0, 2])


def _along_first_axis(function: Callable[[tf.Tensor], tf.Tensor], image: tf.Tensor) -> tf.Tensor:
    height, width, channels = tf.shape(image)[0], tf.shape(image)[1], image.shape[-1]
    return tf.reshape(
        function(tf.reshape(image, [height, width * channels])), [-1, width, channels]
    )


def round_to_8_bit(image: tf.Tensor) -> tf.Tensor:
    """Round and clip to the values that an 8-bit image can hold.

    Args:
        image: float32, any shape.

    Returns:
        float32 of the same shape, whole numbers in [0, 255].
    """
    return tf.clip_by_value(tf.round(image), 0.0, 255.0)
