"""Photo files to pixels and back, inside the graph; `psfr_tf.photo` does it elsewhere.

Not as there: color profiles are not converted, an orientation is read from the EXIF data of JPEG
files only, and a damaged file is refused where `psfr restore` mends some.
"""

import tensorflow as tf

from psfr_tf.data.decoding import asserted, checked_shape

# Checked in the head of a file, before anything is decoded.
MAX_SIDE = 16384
MAX_PIXELS = 50_000_000

FORMATS = ("auto", "keep", "png", "jpg", "jpeg")
JPEG_QUALITY = 95

_EXIF = b"Exif\x00\x00"
_ORIENTATION = 0x0112
# Of a PNG file, the places of the bits of a sample and of the color type, and two color types.
_PNG_BITS, _PNG_COLOR, _GRAY, _GRAY_ALPHA = 24, 25, 0, 4
_OPAQUE = 255


def checked_size(contents: tf.Tensor) -> tf.Tensor:
    """Number of pixels, int64 scalar, from the head of a file.

    Raises (when the graph runs):
        InvalidArgumentError: neither JPEG nor PNG, of no pixels or too large.
    """
    shape = tf.cast(checked_shape(contents, MAX_SIDE, "photo_bytes"), tf.int64)
    pixels = tf.reduce_prod(shape)
    told = [f"photo_bytes: at most {MAX_PIXELS} pixels; height, width:", shape]
    return asserted(pixels, (pixels <= MAX_PIXELS, told))


def decode_photo(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """A JPEG or PNG file, upright.

    Returns:
        uint8 RGB [H, W, 3]; alpha, uint8 [H, W, 1], or [0, 0, 1] if every pixel is opaque; and
        whether the file is gray, bool scalar.

    Raises (when the graph runs):
        InvalidArgumentError: damaged.
    """
    return tf.cond(
        tf.io.is_jpeg(contents), lambda: _from_jpeg(contents), lambda: _from_png(contents)
    )


def encode_photo(
    rgb: tf.Tensor, alpha: tf.Tensor, gray: tf.Tensor, contents: tf.Tensor, format: tf.Tensor
) -> tf.Tensor:
    """The restored photo as a file, string scalar.

    Args:
        rgb, alpha, gray: as `decode_photo` returns them.
        contents: the file that was sent.
        format: one of `FORMATS`. "auto" is PNG, which loses nothing; "keep" what was sent. JPEG
            has no alpha.
    """
    keeps_jpeg = tf.equal(format, "keep") & tf.io.is_jpeg(contents)
    jpeg = keeps_jpeg | tf.equal(format, "jpg") | tf.equal(format, "jpeg")

    pixels = tf.cond(gray, lambda: rgb[..., :1], lambda: rgb)

    def to_png():
        every = tf.cond(
            tf.size(alpha) > 0, lambda: tf.concat([pixels, alpha], axis=2), lambda: pixels
        )
        # A tenth larger than by default, in a quarter of the time; OpenCV does about the same.
        return tf.io.encode_png(every, compression=1)

    return tf.cond(jpeg, lambda: tf.io.encode_jpeg(pixels, quality=JPEG_QUALITY), to_png)


def is_of_format(contents: tf.Tensor, format: tf.Tensor) -> tf.Tensor:
    """Whether the file itself can be the answer where nothing is changed."""
    jpeg = tf.io.is_jpeg(contents)
    free = tf.equal(format, "auto") | tf.equal(format, "keep")
    is_png, is_jpeg = tf.equal(format, "png"), tf.equal(format, "jpg") | tf.equal(format, "jpeg")
    return free | (is_jpeg & jpeg) | (is_png & ~jpeg)


def _from_jpeg(contents):
    rgb = tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE")
    gray = tf.equal(tf.io.extract_jpeg_shape(contents)[2], 1)
    return _upright(rgb, orientation(contents)), tf.zeros([0, 0, 1], tf.uint8), gray


def _from_png(contents):
    head = tf.io.decode_raw(tf.strings.substr(contents, 0, 33), tf.uint8)
    color = head[_PNG_COLOR]

    def deep_gray():  # rounded, as Pillow's 16 bits are
        levels = tf.io.decode_png(contents, channels=1, dtype=tf.uint16)
        levels = tf.cast((tf.cast(levels, tf.int32) + 128) // 257, tf.uint8)
        opaque = tf.ones_like(levels) * _OPAQUE
        return tf.concat([levels, levels, levels, opaque], axis=2)

    deep = tf.equal(color, _GRAY) & tf.equal(head[_PNG_BITS], 16)
    rgba = tf.cond(deep, deep_gray, lambda: tf.io.decode_png(contents, channels=4))
    opaque = tf.reduce_all(tf.equal(rgba[..., 3], _OPAQUE))
    alpha = tf.cond(opaque, lambda: tf.zeros([0, 0, 1], tf.uint8), lambda: rgba[..., 3:])
    return rgba[..., :3], alpha, tf.equal(color, _GRAY) | tf.equal(color, _GRAY_ALPHA)


def _upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 3] turned as the EXIF orientation 1..8 says."""
    pixels = tf.cond(orientation >= 5, lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)

    def is_one_of(*values):
        return tf.reduce_any(tf.equal(orientation, list(values)))

    pixels = tf.cond(is_one_of(2, 3, 6, 7), lambda: pixels[:, ::-1], lambda: pixels)
    return tf.cond(is_one_of(3, 4, 7, 8), lambda: pixels[::-1], lambda: pixels)


def orientation(contents: tf.Tensor) -> tf.Tensor:
    """EXIF orientation 1..8 of a JPEG file, int32 scalar; 1 where it has none."""
    data = tf.cast(tf.io.decode_raw(tf.strings.substr(contents, 0, 2**17), tf.uint8), tf.int32)
    size = tf.size(data)

    def byte(at):
        return tf.cond((at >= 0) & (at < size), lambda: data[at], lambda: 0)

    def is_exif(at):
        marked = tf.equal(byte(at), 0xFF) & tf.equal(byte(at + 1), 0xE1)
        return marked & tf.equal(tf.strings.substr(contents, tf.minimum(at + 4, size), 6), _EXIF)

    def is_metadata(at):  # an application segment or a comment, and not what is looked for
        kind = byte(at + 1)
        application = (kind >= 0xE0) & (kind <= 0xEF)
        return tf.equal(byte(at), 0xFF) & (application | tf.equal(kind, 0xFE)) & ~is_exif(at)

    def following(at):
        return at + 2 + tf.maximum(byte(at + 2) * 256 + byte(at + 3), 2)

    (at,) = tf.while_loop(is_metadata, lambda at: (following(at),), [2])
    return tf.cond(is_exif(at), lambda: _of_exif(byte, at + 10), lambda: 1)


def _of_exif(byte, start: tf.Tensor) -> tf.Tensor:
    """The orientation in a TIFF header at `start`."""
    big = tf.equal(byte(start), ord("M"))

    def number(at, count):
        order = tf.range(count)
        powers = tf.where(big, count - 1 - order, order)
        values = tf.stack([byte(at + each) for each in range(count)])
        # The greatest of 4 bytes has no place in an int32: no offset is so far.
        return tf.reduce_sum(tf.bitwise.left_shift(values & 0xFF, 8 * powers))

    first = start + tf.clip_by_value(number(start + 4, 4), 0, 2**20)
    count = tf.minimum(number(first, 2), 200)

    def entry(index):
        return first + 2 + 12 * index

    (index,) = tf.while_loop(
        lambda index: (index < count) & tf.not_equal(number(entry(index), 2), _ORIENTATION),
        lambda index: (index + 1,),
        [0],
    )
    value = number(entry(index) + 8, 2)
    valid = (index < count) & (value >= 1) & (value <= 8)
    return tf.where(valid, value, 1)
