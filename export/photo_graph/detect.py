"""`psfr_tf.faces.detect` and `psfr_tf.faces.turned` as TensorFlow operations."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from psfr_tf.export.photo_graph.align import (
    compose,
    invert,
    resize_area,
    resize_cubic,
    resize_matrix,
    shift_matrix,
    transform_points,
)
from psfr_tf.export.photo_graph.loops import concat_of, stored_once
from psfr_tf.faces import detect as local
from psfr_tf.faces import turned

# A photo has as many faces as are largest; each costs a second on one core.
MOST_FACES = 200


class Faces(NamedTuple):
    """N detected faces, see `psfr_tf.faces.detect.Face`.

    Attributes:
        boxes: f64 [N, 4], (x, y, width, height).
        scores: f64 [N].
        landmarks: float32 [N, 5, 2].
    """

    boxes: tf.Tensor
    scores: tf.Tensor
    landmarks: tf.Tensor

    def take(self, indices: tf.Tensor) -> "Faces":
        return Faces(*(tf.gather(values, indices) for values in self))


SPECS: tuple = ((tf.float64, [4]), (tf.float64, []), (tf.float32, [5, 2]))
Detect = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Faces]


def detector(networks: Callable) -> Detect:
    """A function of a photo, uint8 [H, W, 3], and f64 `min_score` and `min_face`.

    Args:
        networks: MTCNN.
    """

    def detect(photo, min_score, min_face):
        sides = tf.cast(tf.shape(photo)[:2], tf.float64)
        enlarged = tf.maximum(local._NETWORK_MIN_FACE / min_face, 1.0)
        scale = tf.minimum(local._MAX_SIDE / tf.reduce_max(sides), enlarged)
        searched = resized(photo, scale)

        def search():
            framed, frame = _framed(_stretched(searched))
            boxes, scores, points = networks(framed, min_score)
            ratio = (tf.cast(tf.shape(searched)[:2], tf.float64) / sides)[::-1]
            return _faces(boxes, scores, points, frame, ratio, sides, min_score, min_face)

        empty = Faces(*(tf.zeros([0, *shape], dtype) for dtype, shape in SPECS))
        large = tf.reduce_min(tf.shape(searched)[:2]) >= local._MIN_SIDE
        return in_order(Faces(*tf.cond(large, search, lambda: empty)))

    number: tuple = (tf.float64, [])
    function = stored_once((tf.uint8, [None, None, 3]), number, number)(detect)
    return lambda *arguments: Faces(*function(*arguments))


def _faces(boxes, scores, points, frame, ratio, sides, min_score, min_face) -> Faces:
    frame = tf.cast(frame, tf.float64)
    ends = (tf.reshape(boxes, [-1, 2, 2]) - frame) / ratio
    clipped = tf.clip_by_value(ends, 0.0, sides[::-1])
    points = (points - frame + 0.5) / ratio - 0.5
    size, whole = (each[:, 1] - each[:, 0] for each in (clipped, ends))
    side = tf.reduce_min(size, axis=1)
    spread = tf.reduce_max(points, axis=1) - tf.reduce_min(points, axis=1)
    sound = (tf.reduce_max(spread, axis=1) >= 2.0) & tf.reduce_all(
        tf.math.is_finite(points), axis=[1, 2]
    )
    areas = tf.reduce_prod(size, axis=1), tf.reduce_prod(tf.abs(whole), axis=1)
    cut = areas[0] < (1 - local._BEYOND_EDGE) * areas[1]
    strict = tf.cast(cut | (side < local._TINY), tf.float64)
    least = min_score + strict * local._STRICTER * (1 - min_score)
    chosen = tf.where((side >= min_face) & sound & (scores >= least))[:, 0]
    boxes = tf.concat([clipped[:, 0], size], axis=1)
    return Faces(boxes, scores, tf.cast(points, tf.float32)).take(chosen)


def in_order(faces):
    """The largest `MOST_FACES` of `Faces` or `Answers`, from top to bottom, then from the left."""
    boxes = faces.boxes
    _, order = tf.math.top_k(boxes[:, 2] * boxes[:, 3], tf.minimum(tf.shape(boxes)[0], MOST_FACES))
    for column in (2, 0, 1):  # the last one decides
        order = tf.gather(order, tf.argsort(tf.gather(boxes[:, column], order), stable=True))
    return faces.take(order)


def resized(photo: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 3] `scale` (f64) times as large."""
    sides = tf.cast(tf.shape(photo)[:2], tf.float64)
    size = tf.maximum(tf.cast(tf.round(sides * scale), tf.int32), 1)

    def to(resize):
        return lambda: tf.saturate_cast(tf.round(resize(photo, size)), tf.uint8)

    smaller = lambda: tf.cond(scale < 1, to(resize_area), to(resize_cubic))  # noqa: E731
    return tf.ensure_shape(tf.cond(tf.equal(scale, 1.0), lambda: photo, smaller), [None, None, 3])


def _stretched(photo: tf.Tensor) -> tf.Tensor:
    longer = tf.cast(tf.reduce_max(tf.shape(photo)), tf.float64)
    small = tf.cast(resized(photo, tf.minimum(local._CONTRAST_SIDE / longer, 1.0)), tf.float64)
    low, high = tf.reduce_min(small), tf.reduce_max(small)

    def stretch():
        levels = tf.clip_by_value(
            (tf.range(256.0, dtype=tf.float64) - low) * 255 / (high - low), 0, 255
        )
        return tf.gather(tf.cast(tf.round(levels), tf.uint8), tf.cast(photo, tf.int32))

    is_low = (high > low) & (high - low < local._LEAST_CONTRAST)
    return tf.cond(is_low, stretch, lambda: photo)


def _framed(photo: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The photo in a frame of its mean color, and the frame's width."""
    shorter = tf.cast(tf.reduce_min(tf.shape(photo)[:2]), tf.float64)
    frame = tf.cast(tf.round(local._FRAME * shorter), tf.int32)
    # Means of rows, so that no sum grows out of float32.
    rows = tf.reduce_mean(tf.cast(photo, tf.float32), axis=1)
    color = tf.round(tf.reduce_mean(tf.cast(rows, tf.float64), axis=0))
    bands = [[frame, frame], [frame, frame]]
    channels = [
        tf.pad(channel, bands, constant_values=tf.cast(level, tf.uint8))
        for channel, level in zip(tf.unstack(photo, axis=2), tf.unstack(color), strict=True)
    ]
    return tf.stack(channels, axis=2), frame


def turned_faces(photo: tf.Tensor, detect: Detect, min_score, min_face, regions) -> Faces:
    """Faces of the photo's `regions`, int32 [R, 4], turned by 90, 180 and 270 degrees."""

    def search(index):
        x0, y0, x1, y1 = tf.unstack(regions[index // 3])
        part = photo[y0:y1, x0:x1]
        old = tf.cast(tf.shape(part)[:2], tf.float64)
        scale = tf.minimum(turned._MAX_SIDE / tf.reduce_max(old), 1.0)
        part = resized(part, scale)
        new = tf.cast(tf.shape(part)[:2], tf.float64)
        shrink = resize_matrix(new[1] / old[1], new[0] / old[0])
        to_photo = compose(shift_matrix(x0, y0), invert(shrink))
        right, bottom = new[1] - 1, new[0] - 1
        zero = tf.zeros([], tf.float64)
        backs = [
            [[zero, zero - 1, right], [zero + 1, zero, zero]],
            [[zero - 1, zero, right], [zero, zero - 1, bottom]],
            [[zero, zero + 1, zero], [zero - 1, zero, bottom]],
        ]
        matrix = compose(to_photo, tf.convert_to_tensor(backs)[index % 3])
        found = detect(tf.image.rot90(part, index % 3 + 1), min_score, min_face * scale)
        return _moved(found, matrix)

    return Faces(*concat_of(3 * tf.shape(regions)[0], search, *SPECS))


def _moved(faces: Faces, matrix: tf.Tensor) -> Faces:
    # The edges of a box lie half a pixel before its first pixel's center.
    start, size = faces.boxes[:, :2], faces.boxes[:, 2:]
    ends = [transform_points(matrix, each - 0.5) + 0.5 for each in (start, start + size)]
    low, high = tf.minimum(*ends), tf.maximum(*ends)
    points = transform_points(matrix, tf.reshape(faces.landmarks, [-1, 2]))
    points = tf.cast(tf.reshape(points, [-1, 5, 2]), tf.float32)
    return Faces(tf.concat([low, high - low], axis=1), faces.scores, points)


def regions_around(boxes: tf.Tensor, photo: tf.Tensor) -> tf.Tensor:
    """int32 [N, 4]: the parts of a photo around faces."""
    half = turned._REGION * tf.reduce_max(boxes[:, 2:], axis=1, keepdims=True) / 2
    center = boxes[:, :2] + boxes[:, 2:] / 2
    low, high = (tf.cast(tf.round(center + each), tf.int32) for each in (-half, half))
    size = tf.shape(photo)[:2][::-1]
    return tf.concat([tf.maximum(low, 0), tf.minimum(high, size)], axis=1)
