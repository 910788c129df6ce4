"""White Gaussian noise, added as an 8-bit pipeline would."""

from __future__ import annotations

import tensorflow as tf

from psfr_tf.data.degradation.separable import round_to_8_bit


def add_noise(
    image: tf.Tensor, sigma: tf.Tensor | float, per_channel: tf.Tensor | bool, seed: tf.Tensor
) -> tf.Tensor:
    """Draw white Gaussian noise and add it.

    Args:
        image: float32 `[H, W, C]` in [0, 255].
        sigma: standard deviation in gray levels of 255.
        per_channel: true for independent noise in each channel (colored grain), false for the
            same noise in all channels (gray grain).
        seed: int32 `[2]`.

    Returns:
        float32 `[H, W, C]`, whole numbers in [0, 255].
    """
    shape = tf.shape(image)
    per_channel = tf.cast(per_channel, tf.bool)
    channels = tf.where(per_channel, shape[2], 1)
    noise = tf.random.stateless_normal(tf.stack([shape[0], shape[1], channels]), seed, alg="philox")
    noise = tf.broadcast_to(noise * tf.cast(sigma, tf.float32), shape)
    return tf.ensure_shape(round_to_8_bit(image + noise), image.shape)
