"""Decoding of JPEG and PNG files in a TensorFlow graph, to the pixels that other programs see."""

import tensorflow as tf

# A progressive JPEG may repeat its pixels in any number of scans, each as slow as the first. Image
# programs write 10 or so.
MAX_SCANS = 64

_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"  # signature, then the first chunk
_JPEG_START = b"\xff\xd8\xff"
_SCAN_START = b"\xff\xda"


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


def checked_shape(contents: tf.Tensor, max_side: int, what: str = "a picture") -> tf.Tensor:
    """Height and width in the head of a file; nothing is decoded: a few bytes can announce
    gigabytes.

    Args:
        contents: string scalar.
        max_side: most pixels of a side.
        what: first words of an error.

    Returns:
        int32 `[2]`.

    Raises (when the graph runs):
        InvalidArgumentError: neither JPEG nor PNG, a side above `max_side` or of no pixels, or more
            than `MAX_SCANS` scans.
    """
    is_png = _starts_with(contents, _PNG_START)
    is_known = is_png | _starts_with(contents, _JPEG_START)
    contents = asserted(contents, (is_known, [f"{what}: neither a JPEG nor a PNG file"]))
    shape = tf.cond(is_png, lambda: _png_shape(contents), lambda: _jpeg_shape(contents))
    is_small = tf.reduce_all((shape > 0) & (shape <= max_side))
    # A scan begins with the marker FF DA, which does not occur inside the data of one.
    parts = tf.raw_ops.StringSplitV2(input=[contents], sep=_SCAN_START, maxsplit=MAX_SCANS + 1)
    has_few = is_png | (tf.size(parts.values) <= MAX_SCANS + 1)
    shape = asserted(
        shape,
        (is_small, [f"{what}: a side must be 1..{max_side} px; height, width:", shape]),
        (has_few, [f"{what}: more than {MAX_SCANS} scans in a JPEG"]),
    )
    return tf.ensure_shape(shape, [2])


def asserted(value: tf.Tensor, *checks: tuple[tf.Tensor, list]) -> tf.Tensor:
    """`value`, which the graph has once the checks held.

    Args:
        checks: a condition, bool scalar, and the words and tensors of its error.

    Raises (when the graph runs):
        InvalidArgumentError: a condition is false.
    """
    with tf.control_dependencies([tf.debugging.Assert(*check) for check in checks]):
        return tf.identity(value)


def _starts_with(contents: tf.Tensor, start: bytes) -> tf.Tensor:
    return tf.equal(tf.strings.substr(contents, 0, len(start)), start)


def _png_shape(contents: tf.Tensor) -> tf.Tensor:
    # IHDR: width and height, 4 bytes each, big-endian.
    sides = tf.io.decode_raw(tf.strings.substr(contents, 16, 8), tf.int32, little_endian=False)
    return tf.reverse(tf.ensure_shape(sides, [2]), [0])


def _jpeg_shape(contents: tf.Tensor) -> tf.Tensor:
    return tf.io.extract_jpeg_shape(contents)[:2]
