"""JPEG compression by encoding and decoding."""

from __future__ import annotations

import tensorflow as tf


def jpeg(image: tf.Tensor, quality: tf.Tensor | int) -> tf.Tensor:
    """Compress as `cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])` does.

    Both use libjpeg-turbo with chroma at half resolution (4:2:0), smooth chroma upsampling and
    the exact integer DCT.

    Args:
        image: float32 `[H, W, 3]` RGB, whole numbers in [0, 255].
        quality: int32, 1..100.

    Returns:
        float32 `[H, W, 3]`, whole numbers in [0, 255].
    """
    encoded = tf.raw_ops.EncodeJpegVariableQuality(
        images=tf.cast(image, tf.uint8), quality=tf.cast(quality, tf.int32)
    )
    decoded = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
    return tf.ensure_shape(tf.cast(decoded, tf.float32), image.shape)
