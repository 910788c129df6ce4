"""White Gaussian noise: the draw and the sum."""

from __future__ import annotations

import tensorflow as tf

from psfr_tf.data.degradation.separable import round_to_8_bit


def draw_noise(
    shape: tf.Tensor, sigma: tf.Tensor | float, per_channel: tf.Tensor | bool, seed: tf.Tensor
) -> tf.Tensor:
    """Draw white Gaussian noise.

    Args:
        shape: int32 `[3]`, height, width and channels of the image.
        sigma: standard deviation in grey levels of 255.
        per_channel: true for independent noise in each channel (coloured grain), false for the
            same noise in all channels (grey grain).
        seed: int32 `[2]`.

    Returns:
        float32 of the given shape.
    """
    per_channel = tf.cast(per_channel, tf.bool)
    channels = tf.where(per_channel, shape[2], 1)
    noise = tf.random.stateless_normal(tf.stack([shape[0], shape[1], channels]), seed, alg="philox")
    return tf.broadcast_to(noise * tf.cast(sigma, tf.float32), shape)


def add_noise(image: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Add noise as an 8-bit pipeline would.

    Args:
        image: float32 `[H, W, C]` in [0, 255].
        noise: float32 of the same shape, in grey levels of 255.

    Returns:
        float32 `[H, W, C]`, whole numbers in [0, 255].
    """
    return round_to_8_bit(image + noise)
