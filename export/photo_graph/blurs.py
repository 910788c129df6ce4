"""Gaussian blurs of square pictures, equal to OpenCV's, as products with two matrices."""

import cv2
import numpy as np
import tensorflow as tf


def blurred(planes: tf.Tensor, sigma: float) -> tf.Tensor:
    """float32 [S, S] or [S, S, C], `BORDER_REFLECT_101`."""
    size = planes.shape[0]
    return _apply(tf.constant(_matrix(size, sigma, at_pixel=True)), planes)


def blurred_to_edge(planes: tf.Tensor, sigma: float) -> tf.Tensor:
    """float32 [S, S, C], `BORDER_REFLECT`."""
    size = planes.shape[0]
    return _apply(tf.constant(_matrix(size, sigma, at_pixel=False)), planes)


def blurred_by(planes: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """As `blurred_to_edge`, for a `sigma` (f64) that the graph computes; at most S / 8."""
    size = planes.shape[0]
    i = tf.range(size, dtype=tf.float64)[:, tf.newaxis]
    j = tf.range(size, dtype=tf.float64)
    # OpenCV: the next odd number from 8 sigma + 1.
    radius = tf.floor((tf.round(sigma * 8 + 1)) / 2)

    def weight(distance):
        return tf.where(tf.abs(distance) <= radius, tf.exp(-0.5 * tf.square(distance / sigma)), 0.0)

    taps = weight(i - j) + weight(i + j + 1) + weight(2 * size - 1 - i - j)
    taps /= tf.reduce_sum(weight(tf.range(-size, size + 1, dtype=tf.float64)))
    return _apply(tf.cast(taps, tf.float32), planes)


def _matrix(size: int, sigma: float, at_pixel: bool) -> np.ndarray:
    """float32 [S, S]: each row the weights of one pixel's neighbors."""
    side = round(sigma * 8 + 1) | 1
    kernel = cv2.getGaussianKernel(side, sigma, cv2.CV_64F)[:, 0]
    matrix = np.zeros((size, size))
    border = cv2.BORDER_REFLECT_101 if at_pixel else cv2.BORDER_REFLECT
    for row in range(size):
        for tap, weight in enumerate(kernel, row - side // 2):
            matrix[row, cv2.borderInterpolate(tap, size, border)] += weight
    return matrix.astype(np.float32)


def _apply(matrix: tf.Tensor, planes: tf.Tensor) -> tf.Tensor:
    if planes.shape.rank == 2:
        return matrix @ planes @ tf.transpose(matrix)
    channels = tf.transpose(planes, [2, 0, 1])
    return tf.transpose(matrix @ channels @ tf.transpose(matrix), [1, 2, 0])
