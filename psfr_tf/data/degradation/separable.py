"""Linear filters that act on rows and columns separately, written as matrix products.

A separable filter with a border rule is a matrix applied along each axis. Two dense products per
image are faster in TensorFlow on a CPU than a depthwise convolution over three channels, and one
code path then serves every blur kernel and every resampling ratio, known or not when traced.
"""

from __future__ import annotations

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
    channels = image.shape[-1]
    vertical = _along_first_axis(rows, image, channels)
    horizontal = _along_first_axis(columns, tf.transpose(vertical, [1, 0, 2]), channels)
    return tf.transpose(horizontal, [1, 0, 2])


def _along_first_axis(matrix: tf.Tensor, image: tf.Tensor, channels: int) -> tf.Tensor:
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    product = tf.matmul(matrix, tf.reshape(image, [height, width * channels]))
    return tf.reshape(product, [tf.shape(matrix)[0], width, channels])


def round_to_8_bit(image: tf.Tensor) -> tf.Tensor:
    """Round and clip to the values that an 8-bit image can hold.

    Args:
        image: float32, any shape.

    Returns:
        float32 of the same shape, whole numbers in [0, 255].
    """
    return tf.clip_by_value(tf.round(image), 0.0, 255.0)
