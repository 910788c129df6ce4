"""`psfr_tf.faces.align` as TensorFlow operations. Matrices are f64 [2, 3]."""

import functools
from collections.abc import Callable

import tensorflow as tf

from psfr_tf.export.photo_graph.loops import concat_of, stored_once
from psfr_tf.faces import align as local

# Pixels that a warp computes at once: each takes 16 values a channel.
_CHUNK = 2**16
_CUBIC = -0.75


def similarity_transform(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Points f64 [5, 2] to points; in two dimensions the least squares have a closed form.

    With the centered points as complex numbers s and t, rotation and scale are
    sum(conj(s) t) / sum(conj(s) s).
    """
    source_mean = tf.reduce_mean(source, axis=0)
    target_mean = tf.reduce_mean(target, axis=0)
    s, t = source - source_mean, target - target_mean
    whole = tf.reduce_sum(s * s)
    a = tf.reduce_sum(s * t) / whole
    b = tf.reduce_sum(s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]) / whole
    linear = tf.stack([tf.stack([a, -b]), tf.stack([b, a])])
    shift = target_mean - tf.linalg.matvec(linear, source_mean)
    return tf.concat([linear, shift[:, tf.newaxis]], axis=1)


def face_transform(landmarks: tf.Tensor, size: int) -> tf.Tensor:
    points = tf.cast(landmarks, tf.float64)
    return similarity_transform(points, tf.constant(local.template(size)))


def invert(matrix: tf.Tensor) -> tf.Tensor:
    a, b, c, d = matrix[0, 0], matrix[0, 1], matrix[1, 0], matrix[1, 1]
    linear = tf.stack([tf.stack([d, -b]), tf.stack([-c, a])]) / (a * d - b * c)
    return tf.concat([linear, -tf.linalg.matvec(linear, matrix[:, 2])[:, tf.newaxis]], axis=1)


def compose(second: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """Matrix that applies `first`, then `second`."""
    linear = tf.linalg.matmul(second[:, :2], first[:, :2])
    shift = tf.linalg.matvec(second[:, :2], first[:, 2]) + second[:, 2]
    return tf.concat([linear, shift[:, tf.newaxis]], axis=1)


def shift_matrix(x, y) -> tf.Tensor:
    x, y = tf.cast(x, tf.float64), tf.cast(y, tf.float64)
    one, zero = tf.ones([], tf.float64), tf.zeros([], tf.float64)
    return tf.stack([tf.stack([one, zero, x]), tf.stack([zero, one, y])])


def resize_matrix(factor_x: tf.Tensor, factor_y: tf.Tensor) -> tf.Tensor:
    x, y, zero = factor_x, factor_y, tf.zeros([], tf.float64)
    return tf.stack([tf.stack([x, zero, 0.5 * x - 0.5]), tf.stack([zero, y, 0.5 * y - 0.5])])


def transform_points(matrix: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """f64 [N, 2]."""
    points = tf.cast(points, tf.float64)
    return tf.linalg.matmul(points, matrix[:, :2], transpose_b=True) + matrix[:, 2]


def scale_of(matrix: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))


def square_bounds(matrix: tf.Tensor, size: int, width, height, margin=0) -> tf.Tensor:
    """int32 [4]: x0, y0, x1, y1."""
    edge = size - 0.5
    corners = [[-0.5, -0.5], [edge, -0.5], [-0.5, edge], [edge, edge]]
    corners = transform_points(invert(matrix), tf.constant(corners, tf.float64))
    low = tf.cast(tf.floor(tf.reduce_min(corners, axis=0)), tf.int32) - margin
    high = tf.cast(tf.math.ceil(tf.reduce_max(corners, axis=0)), tf.int32) + 1 + margin
    return tf.concat([tf.maximum(low, 0), tf.minimum(high, tf.stack([width, height]))], axis=0)


def warp(image: tf.Tensor, matrix: tf.Tensor, width, height) -> tf.Tensor:
    """float32 [height, width, C] of float32 [H, W, C]; reflection beyond the border."""
    return _warp_of(image.shape[-1])(image, matrix, width, height)


@functools.cache
def _warp_of(channels: int) -> Callable:
    image = (tf.float32, [None, None, channels])
    return stored_once(image, (tf.float64, [2, 3]), (tf.int32, []), (tf.int32, []))(_warp)


def _warp(image, matrix, width, height):
    image, matrix = _reduced_first(image, matrix)
    factor = tf.cast(tf.maximum(tf.math.ceil(1.0 / scale_of(matrix) - 1e-6), 1.0), tf.int32)
    whole = tf.cast(factor, tf.float64)
    inverse = invert(compose(resize_matrix(whole, whole), matrix))
    channels = image.shape[-1]
    rows = tf.maximum(_CHUNK // (width * factor * factor), 1)

    def chunk(index):
        first = index * rows
        count = tf.minimum(rows, height - first)
        y = (first * factor) + tf.range(count * factor)
        values = _sampled(image, inverse, tf.range(width * factor), y)
        values = tf.reshape(values, [count, factor, width, factor, channels])
        return tf.reduce_mean(values, axis=[1, 3])

    (values,) = concat_of(
        -(-height // rows),
        lambda index: [tf.reshape(chunk(index), [-1, channels])],
        (tf.float32, [channels]),
        parallel=2,
    )
    return tf.reshape(values, [height, width, channels])


def align_face(photo: tf.Tensor, matrix: tf.Tensor, size: int) -> tf.Tensor:
    """float32 [size, size, 3] in [0, 255] of uint8 [H, W, 3]."""
    return _align_to(size)(photo, matrix)


@functools.cache
def _align_to(size: int) -> Callable:
    specs = (tf.uint8, [None, None, 3]), (tf.float64, [2, 3])
    return stored_once(*specs)(lambda photo, matrix: _align_face(photo, matrix, size))


def _align_face(photo, matrix, size):
    height, width = tf.shape(photo)[0], tf.shape(photo)[1]
    margin = 4 + tf.cast(tf.math.ceil(4.0 / scale_of(matrix)), tf.int32)
    bounds = square_bounds(matrix, size, width, height, margin)
    x0, y0 = tf.minimum(bounds[0], width - 1), tf.minimum(bounds[1], height - 1)
    x1, y1 = tf.maximum(bounds[2], x0 + 1), tf.maximum(bounds[3], y0 + 1)
    part = tf.cast(photo[y0:y1, x0:x1], tf.float32)
    face = warp(part, compose(matrix, shift_matrix(x0, y0)), size, size)
    return tf.clip_by_value(tf.ensure_shape(face, [size, size, 3]), 0.0, 255.0)


def _reduced_first(image: tf.Tensor, matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A source far too large is averaged before it is warped."""
    reduction = 1.0 / scale_of(matrix)
    channels = image.shape[-1]

    def reduce():
        step = tf.cast(tf.floor(reduction / 2), tf.int32)
        old = tf.shape(image)[:2]
        new = tf.maximum(old // step, 1)
        factors = tf.cast(new, tf.float64) / tf.cast(old, tf.float64)
        shrink = resize_matrix(factors[1], factors[0])
        return resize_area(image, new), compose(matrix, invert(shrink))

    image, matrix = tf.cond(reduction > local._MAX_SUPERSAMPLING, reduce, lambda: (image, matrix))
    return tf.ensure_shape(image, [None, None, channels]), matrix


def resize_area(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """[H, W, C] of any type to float32 of `size` (height, width) by averages."""
    return tf.raw_ops.ResizeArea(images=image[tf.newaxis], size=size)[0]


def resize_cubic(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """[H, W, C] enlarged to float32 of `size`; as OpenCV's, which is not `tf.image.resize`'s."""
    image = tf.cast(image, tf.float32)
    for axis in (0, 1):
        old = tf.shape(image)[axis]
        ratio = tf.cast(old, tf.float32) / tf.cast(size[axis], tf.float32)
        at = (tf.cast(tf.range(size[axis]), tf.float32) + 0.5) * ratio - 0.5
        first = tf.floor(at)
        taps = tf.unstack(cubic_weights(at - first), axis=-1)
        shape = [-1, 1, 1] if axis == 0 else [1, -1, 1]
        parts = [
            tf.gather(image, tf.clip_by_value(tf.cast(first, tf.int32) + k, 0, old - 1), axis=axis)
            * tf.reshape(tap, shape)
            for k, tap in enumerate(taps, -1)
        ]
        image = tf.add_n(parts)
    return image


def cubic_weights(x: tf.Tensor) -> tf.Tensor:
    """Weights [..., 4] of four neighbors for a place `x` in 0..1 between the second and third."""
    a = _CUBIC

    def near(d):
        return ((a + 2) * d - (a + 3)) * d * d + 1

    first = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
    second, third = near(x), near(1 - x)
    return tf.stack([first, second, third, 1 - first - second - third], axis=-1)


def _sampled(image: tf.Tensor, inverse: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Cubic interpolation at `inverse` of a grid: float32 [len(y), len(x), C]."""
    size, channels = tf.shape(image), image.shape[-1]
    corners = tf.stack([x[0], y[0], x[-1], y[0], x[0], y[-1], x[-1], y[-1]])
    corners = transform_points(inverse, tf.reshape(corners, [4, 2]))
    # The pixels that the grid needs, with those beyond the border, and each with the three that
    # follow: one look-up then finds the four neighbors of a row.
    low = tf.cast(tf.floor(tf.reduce_min(corners, axis=0)), tf.int32) - 1
    high = tf.cast(tf.floor(tf.reduce_max(corners, axis=0)), tf.int32) + 3
    needed = tf.gather(image, _reflected(tf.range(low[1], high[1]), size[0]), axis=0)
    needed = tf.gather(needed, _reflected(tf.range(low[0], high[0] + 3), size[1]), axis=1)
    width = high[0] - low[0]
    fours = tf.concat([needed[:, tap : tap + width] for tap in range(4)], axis=2)
    flat = tf.reshape(fours, [-1, 4 * channels])

    x, y = tf.cast(x, tf.float64), tf.cast(y, tf.float64)[:, tf.newaxis]
    places = [inverse[row, 0] * x + inverse[row, 1] * y + inverse[row, 2] for row in (0, 1)]
    wholes = [tf.floor(place) for place in places]
    across, down = (
        cubic_weights(tf.cast(place - whole, tf.float32))
        for place, whole in zip(places, wholes, strict=True)
    )
    column, row = (tf.cast(whole, tf.int32) - 1 for whole in wholes)
    first = (row - low[1]) * width + column - low[0]
    parts = [tf.gather(flat, first + tap * width) * down[..., tap, tf.newaxis] for tap in range(4)]
    total = tf.add_n(parts)
    shares = tf.split(total, 4, axis=-1)
    return tf.add_n([share * across[..., tap, tf.newaxis] for tap, share in enumerate(shares)])


def _reflected(index: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Indices beyond 0 .. count - 1 reflected at the first and last pixel."""
    period = tf.maximum(2 * (count - 1), 1)
    index = index % period
    return tf.minimum(tf.minimum(index, period - index), count - 1)
