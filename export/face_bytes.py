"""Decoding and encoding of faces inside the serving graph."""

import tensorflow as tf

from psfr_tf.data.decoding import decode_rgb

# Checked on the header, before anything is decoded: a few bytes can announce gigabytes. FFHQ faces
# have 1024.
MAX_SIDE = 2048

_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"  # signature, then the first chunk
_JPEG_START = b"\xff\xd8\xff"


def decode_faces(contents: tf.Tensor, size: int) -> tf.Tensor:
    """JPEG or PNG files of aligned faces to pixels.

    A face of another size than `size` is resized: cubic, antialiased when it is reduced. Grey
    becomes RGB, alpha is dropped, 16 bits become 8; EXIF orientation and colour profiles are not
    read.

    Args:
        contents: string [B].
        size: S.

    Returns:
        uint8 [B, S, S, 3].

    Raises (when the graph runs):
        InvalidArgumentError: neither JPEG nor PNG, damaged, not square, or a side above
            `MAX_SIDE`.
    """
    spec = tf.TensorSpec([size, size, 3], tf.uint8)
    return tf.map_fn(lambda item: _decode(item, size), contents, fn_output_signature=spec)


def encode_png(images: tf.Tensor) -> tf.Tensor:
    """uint8 [B, H, W, 1 or 3] to PNG files, string [B]."""
    return tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.TensorSpec([], tf.string))


def _decode(contents, size):
    is_png = _starts_with(contents, _PNG_START)
    known = tf.debugging.Assert(
        is_png | _starts_with(contents, _JPEG_START), ["image_bytes: neither a JPEG nor a PNG file"]
    )
    with tf.control_dependencies([known]):
        shape = tf.cond(is_png, lambda: _png_shape(contents), lambda: _jpeg_shape(contents))
    height, width = shape[0], shape[1]
    checks = [
        tf.debugging.Assert(
            tf.reduce_all((shape > 0) & (shape <= MAX_SIDE)),
            [f"image_bytes: a side must be 1..{MAX_SIDE} px; height, width:", height, width],
        ),
        tf.debugging.Assert(
            tf.equal(height, width),
            ["image_bytes: an aligned face is square; height, width:", height, width],
        ),
    ]
    with tf.control_dependencies(checks):
        image = decode_rgb(contents)
    image = tf.image.resize(image, [size, size], tf.image.ResizeMethod.BICUBIC, antialias=True)
    return tf.saturate_cast(tf.round(image), tf.uint8)


def _starts_with(contents, start: bytes):
    return tf.equal(tf.strings.substr(contents, 0, len(start)), start)


def _png_shape(contents):
    # IHDR: width and height, 4 bytes each, big-endian.
    sides = tf.io.decode_raw(tf.strings.substr(contents, 16, 8), tf.int32, little_endian=False)
    return tf.reverse(tf.ensure_shape(sides, [2]), [0])


def _jpeg_shape(contents):
    return tf.io.extract_jpeg_shape(contents)[:2]
