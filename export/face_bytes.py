"""Decoding and encoding of faces inside the serving graph."""

import tensorflow as tf

from psfr_tf.data.decoding import asserted, checked_shape, decode_rgb

# Checked on the header, before anything is decoded. FFHQ faces have 1024.
MAX_SIDE = 2048

# Of a request, all pictures together: a decoded picture has 3 bytes a pixel.
MAX_PICTURES = 64
MAX_REQUEST_PIXELS = 64 * 2**20


def decode_faces(contents: tf.Tensor, size: int) -> tf.Tensor:
    """JPEG or PNG files of aligned faces to pixels.

    A face of another size than `size` is resized: cubic, antialiased when it is reduced. Gray
    becomes RGB, alpha is dropped, 16 bits become 8; EXIF orientation and color profiles are not
    read.

    Args:
        contents: string [B].
        size: S.

    Returns:
        uint8 [B, S, S, 3].

    Raises (when the graph runs):
        InvalidArgumentError: neither JPEG nor PNG, damaged, not square, a side above `MAX_SIDE`, or
            more than `decoding.MAX_SCANS` scans; more than `MAX_PICTURES` pictures, or
            `MAX_REQUEST_PIXELS` in all.
    """
    count = tf.size(contents)
    told = [f"image_bytes: at most {MAX_PICTURES} pictures in a request:", count]
    contents = asserted(contents, (count <= MAX_PICTURES, told))
    shapes = tf.map_fn(_shape, contents, fn_output_signature=tf.TensorSpec([2], tf.int32))
    pixels = tf.reduce_sum(tf.reduce_prod(tf.cast(shapes, tf.int64), axis=1))
    told = [f"image_bytes: at most {MAX_REQUEST_PIXELS} pixels in a request:", pixels]
    contents = asserted(contents, (pixels <= MAX_REQUEST_PIXELS, told))
    spec = tf.TensorSpec([size, size, 3], tf.uint8)
    # One after the other: as many decoded pictures at once as there are would take their sum.
    return tf.map_fn(
        lambda item: _decode(item, size), contents, fn_output_signature=spec, parallel_iterations=2
    )


def encode_png(images: tf.Tensor) -> tf.Tensor:
    """uint8 [B, H, W, 1 or 3] to PNG files, string [B]."""
    return tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.TensorSpec([], tf.string))


def _shape(contents):
    """Height and width from the head, int32 [2], checked."""
    shape = checked_shape(contents, MAX_SIDE, "image_bytes")
    told = ["image_bytes: an aligned face is square; height, width:", shape]
    return asserted(shape, (tf.equal(shape[0], shape[1]), told))


def _decode(contents, size):
    image = decode_rgb(contents)
    image = tf.image.resize(image, [size, size], tf.image.ResizeMethod.BICUBIC, antialias=True)
    return tf.saturate_cast(tf.round(image), tf.uint8)
