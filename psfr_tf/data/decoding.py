"""Decoding of JPEG and PNG files in a TensorFlow graph, to the pixels that other programs see."""

import tensorflow as tf


def decode_rgb(contents: tf.Tensor) -> tf.Tensor:
    """Decode a JPEG, PNG, GIF or BMP file to uint8 `[H, W, 3]`.

    `tf.io.decode_image` takes libjpeg's fast inverse DCT, which is up to 14 levels away from the
    accurate one of Pillow, browsers and cameras.

    Args:
        contents: string scalar.

    Raises (when the graph runs):
        InvalidArgumentError: damaged, or of another format.
    """
    image = tf.cond(
        tf.io.is_jpeg(contents),
        lambda: tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(contents, channels=3, expand_animations=False),
    )
    return tf.ensure_shape(image, [None, None, 3])
