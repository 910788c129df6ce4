"""`psfr_tf.faces.paste` as TensorFlow operations."""

import math

import tensorflow as tf

from psfr_tf.export.photo_graph.align import (
    compose,
    invert,
    shift_matrix,
    square_bounds,
    warp,
)
from psfr_tf.export.photo_graph.believe import Answers
from psfr_tf.export.photo_graph.loops import concat_of
from psfr_tf.faces import paste as local
from psfr_tf.faces.color import LUMA


def paste_faces(photo: tf.Tensor, faces: Answers, strength: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 3] of uint8 [H, W, 3] and `strength`, float32 scalar."""
    height, width = tf.shape(photo)[0], tf.shape(photo)[1]
    size = faces.changes.shape[1]
    gray = tf.reduce_all(tf.equal(photo[..., :1], photo[..., 1:]))
    bounds = tf.map_fn(
        lambda matrix: square_bounds(matrix, size, width, height),
        faces.matrices,
        fn_output_signature=tf.TensorSpec([4], tf.int32),
    )

    def band(index):
        top = index * local._BAND
        rows = tf.minimum(local._BAND, height - top)
        y0, y1 = tf.maximum(bounds[:, 1], top), tf.minimum(bounds[:, 3], top + rows)
        inside = tf.where((y0 < y1) & (bounds[:, 0] < bounds[:, 2]))[:, 0]

        def face(number):
            number = inside[number]
            part = tf.stack([bounds[number, 0], y0[number], bounds[number, 2], y1[number]])
            planes = faces.changes[number]
            luma = tf.tensordot(planes[..., :3], tf.constant(LUMA), 1)[..., tf.newaxis]
            difference = tf.where(gray, tf.tile(luma, [1, 1, 3]), planes[..., :3])
            planes = tf.concat([difference, planes[..., 3:]], axis=2)
            added = tf.reshape(_added(planes, faces.matrices[number], part), [-1, 4])
            x, y = tf.range(part[0], part[2]), tf.range(part[1], part[3]) - top
            place = tf.reshape(y[:, tf.newaxis] * width + x, [-1, 1])
            return place, added

        def pasted():
            places, added = concat_of(tf.size(inside), face, (tf.int32, [1]), (tf.float32, [4]))
            total = tf.scatter_nd(places, added, [rows * width, 4])
            change = tf.math.divide_no_nan(total[:, :3], total[:, 3:])
            change = tf.reshape(change, [rows, width, 3])
            levels = tf.cast(photo[top : top + rows], tf.float32) + strength * change
            return tf.saturate_cast(tf.round(levels), tf.uint8)

        result = tf.cond(tf.size(inside) > 0, pasted, lambda: photo[top : top + rows])
        return [tf.reshape(result, [-1, 3])]

    bands = -(-height // local._BAND)
    result = tf.cond(
        tf.shape(faces.scores)[0] > 0,
        lambda: concat_of(bands, band, (tf.uint8, [3]))[0],
        lambda: tf.reshape(photo, [-1, 3]),
    )
    return tf.reshape(result, tf.shape(photo))


def _added(planes: tf.Tensor, matrix: tf.Tensor, part: tf.Tensor) -> tf.Tensor:
    """Weighted difference and weight, float32 [h, w, 4], of one face in a part of the photo."""
    size = planes.shape[0]
    x0, y0, x1, y1 = tf.unstack(part)
    warped = warp(planes, compose(shift_matrix(-x0, -y0), invert(matrix)), x1 - x0, y1 - y0)
    x = tf.range(x0, x1)
    y = tf.range(y0, y1)[:, tf.newaxis]
    x, y = tf.cast(x, tf.float64), tf.cast(y, tf.float64)
    u = tf.cast(matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2], tf.float32)
    v = tf.cast(matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2], tf.float32)
    mask = _feather(u, size) * _feather(v, size) * tf.clip_by_value(warped[..., 3], 0.0, 1.0)
    middle = (size - 1) / 2
    squared = (tf.square(u - middle) + tf.square(v - middle)) / (local._CENTER_SIGMA * size) ** 2
    weight = (mask * tf.exp(-0.5 * squared))[..., tf.newaxis]
    return tf.concat([weight * mask[..., tf.newaxis] * warped[..., :3], weight], axis=2)


def _feather(coordinate: tf.Tensor, size: int) -> tf.Tensor:
    distance = tf.minimum(coordinate + 0.5, size - 0.5 - coordinate)
    ramp = tf.clip_by_value(distance / (local._FEATHER * size), 0.0, 1.0)
    return 0.5 - 0.5 * tf.cos(math.pi * ramp)
