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
    rows, columns = (gaussian_matrix(size, sigma) for size in image.shape[:2])
    return tf.ensure_shape(apply_separable(image, rows, columns), image.shape)


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
    rows, columns = (average_matrix(size, k) for size in image.shape[:2])
    return tf.ensure_shape(apply_separable(image, rows, columns), image.shape)


def motion_kernel(k: tf.Tensor | int, angle: tf.Tensor | float) -> tf.Tensor:
    """A straight line of `k` pixels through the center of a `k` x `k` kernel.

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
    height, width = image.shape[:2]
    border = tf.cast(k, tf.int32) // 2
    padded = tf.pad(image, [[border, border], [border, border], [0, 0]], mode="REFLECT")
    # The kernel is point-symmetric, so that correlation and convolution are the same. The
    # transforms are long enough for the pixels kept to be free of the wrap-around.
    lengths = [_fast_length(size + 2 * border) for size in (height, width)]
    spectrum = tf.signal.rfft2d(tf.transpose(padded, [2, 0, 1]), lengths)
    spectrum *= tf.signal.rfft2d(kernel, lengths)
    blurred = tf.signal.irfft2d(spectrum, lengths)
    blurred = blurred[:, 2 * border : 2 * border + height, 2 * border : 2 * border + width]
    return tf.ensure_shape(tf.transpose(blurred, [1, 2, 0]), image.shape)


def _fast_length(length: tf.Tensor) -> tf.Tensor:
    """The next multiple of 30, the length of a fast Fourier transform without large primes."""
    return (length + 29) // 30 * 30


def require_odd(name: str, k: tf.Tensor | int) -> None:
    """Refuse an even kernel size: it would move the image by half a pixel."""
    if isinstance(k, int) and (k < 1 or k % 2 == 0):
        raise ValueError(f"`{name}` must be an odd number of pixels, 1 or more. Received: {k}")


def gaussian_matrix(size: int, sigma: tf.Tensor | float) -> tf.Tensor:
    """The blur of `gaussian_blur` along an axis of `size` pixels, float32 `[size, size]`."""
    sigma = tf.cast(sigma, tf.float32)
    taps = tf.bitwise.bitwise_or(tf.cast(tf.round(6.0 * sigma + 1.0), tf.int32), 1)
    radius = tf.cast(taps // 2, tf.float32)
    distance = tf.range(2 * size - 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * tf.square(distance / sigma))
    return _filter_matrix(size, tf.where(distance <= radius, weights, 0.0))


def average_matrix(size: int, k: tf.Tensor | int) -> tf.Tensor:
    """The blur of `average_blur` along an axis of `size` pixels, float32 `[size, size]`."""
    radius = tf.cast(k, tf.int32) // 2
    return _filter_matrix(size, tf.cast(tf.range(2 * size - 1) <= radius, tf.float32))


def _filter_matrix(size: int, weights: tf.Tensor) -> tf.Tensor:
    """`[size, size]` matrix of a symmetric kernel with reflected borders.

    Pixel j appears at j, at -j (not for the edge pixel 0) and at 2 (size - 1) - j (not for the
    other edge pixel); its weight in output i adds up over these places. The three parts are built
    by repeating one row with a shift of one pixel per row, which is a copy, not arithmetic.

    Args:
        size: pixels along the axis.
        weights: float32 `[2 size - 1]`, weight at each distance, not normalized.
    """
    # Row i of `middle` is a circular shift of one vector by i, read at j - i.
    circle = tf.concat([weights[:size], [0.0], weights[size - 1 : 0 : -1]], axis=0)
    middle = tf.tile(circle, [size])[: size * (2 * size - 1)]
    middle = tf.reshape(middle, [size, 2 * size - 1])[:, :size]
    # The same with a shift to the other side, read at i + j.
    circle = tf.concat([weights, [0.0]], axis=0)
    before = tf.tile(circle, [size + 1])[: size * (2 * size + 1)]
    before = tf.reshape(before, [size, 2 * size + 1])[:, 1:size]
    before = tf.pad(before, [[0, 0], [1, 0]])
    matrix = middle + before + before[::-1, ::-1]
    return matrix / tf.reduce_sum(matrix, axis=1, keepdims=True)
