"""Decoding and encoding of faces inside the serving graph."""

import tensorflow as tf

from psfr_tf.data.decoding import decode_rgb

# Checked on the header, before anything is decoded: a few bytes can announce gigabytes. FFHQ faces
# have 1024.
MAX_SIDE = 2048

# Of a request, all pictures together: a decoded picture has 3 bytes a pixel.
MAX_PICTURES = 64
MAX_REQUEST_PIXELS = 64 * 2**20
# A progressive JPEG may repeat its pixels in any number of scans, each as slow as the first. Image
# programs write 10 or so.
MAX_SCANS = 64

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
        InvalidArgumentError: neither JPEG nor PNG, damaged, not square, a side above `MAX_SIDE`, or
            more than `MAX_SCANS` scans; more than `MAX_PICTURES` pictures, or
            `MAX_REQUEST_PIXELS` in all.
    """
    count = tf.size(contents)
    few = tf.debugging.Assert(
        count <= MAX_PICTURES,
        [f"image_bytes: at most {MAX_PICTURES} pictures in a request:", count],
    )
    with tf.control_dependencies([few]):
        contents = tf.identity(contents)
    shapes = tf.map_fn(_shape, contents, fn_output_signature=tf.TensorSpec([2], tf.int32))
    pixels = tf.reduce_sum(tf.reduce_prod(tf.cast(shapes, tf.int64), axis=1))
    small = tf.debugging.Assert(
        pixels <= MAX_REQUEST_PIXELS,
        [f"image_bytes: at most {MAX_REQUEST_PIXELS} pixels in a request:", pixels],
    )
    with tf.control_dependencies([small]):
        contents = tf.identity(contents)
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
    with tf.control_dependencies([*checks, _few_scans(contents, is_png)]):
        return tf.ensure_shape(tf.identity(shape), [2])


def _few_scans(contents, is_png):
    # A scan begins with the marker FF DA, which does not occur inside the data of one.
    values = tf.io.decode_raw(contents, tf.uint8)
    starts = tf.equal(values[:-1], 0xFF) & tf.equal(values[1:], 0xDA)
    scans = tf.math.count_nonzero(starts, dtype=tf.int32)
    return tf.debugging.Assert(
        is_png | (scans <= MAX_SCANS), [f"image_bytes: more than {MAX_SCANS} scans in a JPEG"]
    )


def _decode(contents, size):
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
