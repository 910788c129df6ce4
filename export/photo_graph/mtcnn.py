"""`psfr_tf.faces.mtcnn` as TensorFlow operations."""

import tensorflow as tf

from psfr_tf.export.photo_graph.align import resize_area
from psfr_tf.export.photo_graph.loops import concat_of
from psfr_tf.export.photo_graph.networks import Network
from psfr_tf.faces import mtcnn as local

_BOX = (tf.float64, [4])


def find_faces(
    pnet: Network, rnet: Network, onet: Network, photo: tf.Tensor, min_score: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """As the local one: uint8 [H, W, 3] to boxes f64 [N, 4], scores f64 [N], landmarks
    f64 [N, 5, 2]."""
    pixels = (tf.cast(photo, tf.float32) - 127.5) * (1 / 128)
    boxes = _squares(_propose(pnet, pixels))
    boxes, scores, _ = _judge(rnet, pixels, boxes, 24, local._REFINED)
    boxes = _squares(tf.gather(boxes, kept(boxes, scores, local._OVERLAP)))
    boxes, scores, landmarks = _judge(onet, pixels, boxes, 48, min_score)
    chosen = kept(boxes, scores, local._OVERLAP, of_smaller=True)
    last = tf.cast(tf.shape(photo)[:2][::-1] - 1, tf.float64)
    boxes = tf.clip_by_value(tf.gather(boxes, chosen), 0.0, tf.tile(last, [2]))
    return boxes, tf.gather(scores, chosen), tf.gather(landmarks, chosen)


def _propose(pnet: Network, pixels: tf.Tensor) -> tf.Tensor:
    """Boxes f64 [N, 4] from all scales."""
    sides = tf.shape(pixels)[:2]
    shorter = tf.cast(tf.reduce_min(sides), tf.float64)
    step = tf.constant(local._STEP, tf.float64)
    steps = tf.round(tf.math.log(shorter / local._CELL) / -tf.math.log(step) - 1)

    def level(index):
        scale = local._CELL / local._MIN_FACE * step ** tf.cast(index, tf.float64)
        size = tf.cast(tf.cast(sides, tf.float64) * scale, tf.int32)
        output = pnet(resize_area(pixels, size)[tf.newaxis])
        score = output[2][0, ..., 1]
        places = tf.where(score > local._PROPOSED)
        scores = tf.gather_nd(score, places)
        corner = tf.cast(tf.tile(places[:, ::-1], [1, 2]), tf.float64) * local._STRIDE
        cells = corner + tf.constant([1, 1, local._CELL, local._CELL], tf.float64)
        moves = tf.cast(tf.gather_nd(output[4][0], places), tf.float64)
        boxes = (cells + moves * (local._CELL - 1)) / scale
        chosen = kept(boxes, scores, local._OVERLAP_IN_SCALE)
        return tf.gather(boxes, chosen), tf.gather(scores, chosen)

    boxes, scores = concat_of(tf.cast(steps, tf.int32), level, _BOX, (tf.float32, []))
    return tf.gather(boxes, kept(boxes, scores, local._OVERLAP))


def _judge(network: Network, pixels: tf.Tensor, boxes: tf.Tensor, side: int, min_score):
    """The boxes of a greater score, moved as the network says, their scores and landmarks."""
    height, width = tf.unstack(tf.cast(tf.shape(pixels)[:2], tf.float64))
    ends = tf.stack(
        [boxes[:, 1] / height, boxes[:, 0] / width, boxes[:, 3] / height, boxes[:, 2] / width], 1
    )

    def batch(index):
        part = tf.cast(ends[index * local._BATCH : (index + 1) * local._BATCH], tf.float32)
        of_photo = tf.zeros([tf.shape(part)[0]], tf.int32)
        patches = tf.image.crop_and_resize(pixels[tf.newaxis], part, of_photo, [side, side])
        output = network(patches)
        points = output.get(10, tf.zeros([tf.shape(part)[0], 10]))
        return output[2][:, 1], output[4], points

    batches = -(-tf.shape(boxes)[0] // local._BATCH)
    scores, moves, points = concat_of(
        batches, batch, (tf.float32, []), (tf.float32, [4]), (tf.float32, [10])
    )
    chosen = tf.where(scores > tf.cast(min_score, tf.float32))[:, 0]
    boxes = tf.gather(boxes, chosen)
    scores, moves, points = (
        tf.cast(tf.gather(values, chosen), tf.float64) for values in (scores, moves, points)
    )
    corner, sides = boxes[:, :2], boxes[:, 2:] - boxes[:, :2] + 1
    points = tf.transpose(tf.reshape(points, [-1, 2, 5]), [0, 2, 1])
    landmarks = corner[:, tf.newaxis] - 1 + sides[:, tf.newaxis] * points
    return boxes + moves * tf.tile(sides, [1, 2]), scores, landmarks


def kept(boxes: tf.Tensor, scores: tf.Tensor, greatest: float, of_smaller: bool = False):
    """Indices, best score first, of boxes that no box of a better score overlaps by more."""
    order = tf.argsort(scores, stable=True)[::-1]
    rank = tf.math.invert_permutation(order)
    x0, y0, x1, y1 = tf.unstack(boxes, axis=1)
    areas = (x1 - x0) * (y1 - y0)
    downwards = tf.argsort(y0, stable=True)

    def flags(index):
        block = downwards[index * local._BLOCK : (index + 1) * local._BLOCK]
        top, bottom = tf.gather(y0, block), tf.gather(y1, block)
        # Only what is at the block's height can overlap it.
        near = tf.where((y0 < tf.reduce_max(bottom)) & (y1 > tf.reduce_min(top)))[:, 0]

        def pairs(values):
            return tf.gather(values, block)[:, tf.newaxis], tf.gather(values, near)

        width = tf.minimum(*pairs(x1)) - tf.maximum(*pairs(x0))
        height = tf.minimum(*pairs(y1)) - tf.maximum(*pairs(y0))
        shared = tf.maximum(width, 0) * tf.maximum(height, 0)
        one, other = pairs(areas)
        whole = tf.minimum(one, other) if of_smaller else one + other - shared
        own, others = pairs(rank)
        return [~tf.reduce_any((shared / whole > greatest) & (others < own), axis=1)]

    blocks = -(-tf.shape(boxes)[0] // local._BLOCK)
    (stays,) = concat_of(blocks, flags, (tf.bool, []), parallel=2)
    stays = tf.gather(stays, tf.math.invert_permutation(downwards))
    return tf.boolean_mask(order, tf.gather(stays, order))


def _squares(boxes: tf.Tensor) -> tf.Tensor:
    """Boxes made as wide as high, about their centers."""
    sides = boxes[:, 2:] - boxes[:, :2]
    side = tf.reduce_max(sides, axis=1, keepdims=True)
    corner = boxes[:, :2] + (sides - side) / 2
    return tf.concat([corner, corner + side], axis=1)
