"""Gaussian, average and motion blur, equal to OpenCV's filters.

All three reflect the image at its border without repeating the edge pixel (`BORDER_REFLECT_101`),
return unrounded values, and have point-symmetric kernels: they do not move the image.
"""

from __future__ import annotations

import math

import tensorflow as tf

from psfr_tf.data.degradation.separable import apply_separable


def gaussian_blur(image: tf.Tensor, sigma: tf.Tensor | float) -> tf.Tensor:
    """Blur as `cv2.GaussianBlur(image, (0, 0), sigma)` does on an 8-bit image.

    The kernel has `round(6 sigma + 1) | 1` taps, OpenCV's rule for 8-bit images (3 sigma to each
    side), and must fit in the image: at most `2 size - 1` taps.

    Args:
        image: float32 `[H, W, C]`, any range; height and width known when traced.
        sigma: standard deviation in pixels, above 0; a number or a scalar tensor.

    Returns:
        float32 `[H, W, C]`.
    """
    sigma = tf.cast(sigma, tf.float32)
    taps = tf.bitwise.bitwise_or(tf.cast(tf.round(6.0 * sigma + 1.0), tf.int32), 1)
    radius = tf.cast(taps // 2, tf.float32)

    def weight(distance: tf.Tensor) -> tf.Tensor:
        return tf.where(distance <= radius, tf.exp(-0.5 * tf.square(distance / sigma)), 0.0)

    return _symmetric_filter(image, weight)


def average_blur(image: tf.Tensor, k: tf.Tensor | int) -> tf.Tensor:
    """Blur as `cv2.blur(image, (k, k))` does.

    Args:
        image: float32 `[H, W, C]`, any range; height and width known when traced.
        k: odd side of the box in pixels, at most `2 size - 1`; a number or a scalar tensor.

    Returns:
        float32 `[H, W, C]`.

    Raises:
        ValueError: `k` is a Python number that is even or below 1.
    """
    require_odd("k", k)
    radius = (tf.cast(k, tf.float32) - 1.0) / 2.0
    return _symmetric_filter(image, lambda distance: tf.cast(distance <= radius, tf.float32))


def motion_kernel(k: tf.Tensor | int, angle: tf.Tensor | float) -> tf.Tensor:
    """A straight line of `k` pixels through the centre of a `k` x `k` kernel.

    The line is one pixel wide with linear falloff to the sides, so that every angle is drawn
    without steps; the kernel is point-symmetric and sums to 1.

    Args:
        k: odd side of the kernel in pixels; a number or a scalar tensor.
        angle: direction of the motion in degrees, counter-clockwise from the x axis.

    Returns:
        float32 `[k, k]`.

    Raises:
        ValueError: `k` is a Python number that is even or below 1.
    """
    require_odd("k", k)
    radius = (tf.cast(k, tf.float32) - 1.0) / 2.0
    radians = tf.cast(angle, tf.float32) * (math.pi / 180.0)
    steps = tf.range(tf.cast(k, tf.float32)) - radius
    x, y = tf.meshgrid(steps, -steps)
    along = tf.abs(x * tf.cos(radians) + y * tf.sin(radians))
    across = tf.abs(y * tf.cos(radians) - x * tf.sin(radians))
    line = tf.clip_by_value(radius + 1.0 - along, 0.0, 1.0) * tf.nn.relu(1.0 - across)
    return line / tf.reduce_sum(line)


def motion_blur(image: tf.Tensor, k: tf.Tensor | int, angle: tf.Tensor | float) -> tf.Tensor:
    """Blur as `cv2.filter2D(image, -1, motion_kernel(k, angle))` does.

    Args:
        image: float32 `[H, W, C]`, any range.
        k: odd length of the motion in pixels, at most `2 size - 1`.
        angle: direction in degrees, counter-clockwise from the x axis.

    Returns:
        float32 `[H, W, C]`.
    """
    kernel = motion_kernel(k, angle)
    border = tf.cast(k, tf.int32) // 2
    padded = tf.pad(image, [[border, border], [border, border], [0, 0]], mode="REFLECT")
    filters = tf.tile(kernel[:, :, None, None], [1, 1, image.shape[-1], 1])
    blurred = tf.nn.depthwise_conv2d(padded[None], filters, [1, 1, 1, 1], "VALID")[0]
    return tf.ensure_shape(blurred, image.shape)


def require_odd(name: str, k: tf.Tensor | int) -> None:
    """Refuse an even kernel size: it would move the image by half a pixel."""
    if isinstance(k, int) and (k < 1 or k % 2 == 0):
        raise ValueError(f"`{name}` must be an odd number of pixels, 1 or more. Received: {k}")


def _symmetric_filter(image: tf.Tensor, weight) -> tf.Tensor:
    """Apply a symmetric kernel along both axes; `weight(distance in pixels)`, not normalised."""
    height, width = image.shape[0], image.shape[1]
    rows = _filter_matrix(height, weight)
    columns = rows if height == width else _filter_matrix(width, weight)
    return tf.ensure_shape(apply_separable(image, rows, columns), image.shape)


def _filter_matrix(size: int, weight) -> tf.Tensor:
    """`[size, size]` matrix of a symmetric kernel with reflected borders.

    Pixel j appears at j, at -j (not for the edge pixel 0) and at 2 (size - 1) - j (not for the
    other edge pixel); its weight in output i adds up over these places.
    """
    index = tf.range(size, dtype=tf.float32)
    i, j = index[:, None], index[None, :]
    last = float(size - 1)
    before = tf.where(j > 0, weight(i + j), 0.0)
    after = tf.where(j < last, weight(2.0 * last - i - j), 0.0)
    matrix = weight(tf.abs(i - j)) + before + after
    return matrix / tf.reduce_sum(matrix, axis=1, keepdims=True)
