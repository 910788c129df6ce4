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
    horizontal_first: bool = False,
) -> tf.Tensor:
    """Apply one linear map along the rows of an image and one along its columns.

    The horizontal map needs the image transposed before and after: it is best applied where the
    image is small, last when it is reduced and first when it is enlarged.

    Args:
        image: `[H, W, C]`.
        vertical: function from `[H, any]` to `[h, any]` that treats each column alike.
        horizontal: function from `[W, any]` to `[w, any]`.
        horizontal_first: order of the two.

    Returns:
        `[h, w, C]`.
    """

    def across(lines: tf.Tensor) -> tf.Tensor:
        lines = _along_first_axis(horizontal, tf.transpose(lines, [1, 0, 2]))
        return tf.transpose(lines, [1, 0, 2])

    if horizontal_first:
        return _along_first_axis(vertical, across(image))
    return across(_along_first_axis(vertical, image))


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
    # One op; `tf.clip_by_value` is two, and passes over memory are what costs here.
    return tf.raw_ops.ClipByValue(t=tf.round(image), clip_value_min=0.0, clip_value_max=255.0)
