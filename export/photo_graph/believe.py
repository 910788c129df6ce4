"""`psfr_tf.faces.believe` as TensorFlow operations."""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from psfr_tf.export.photo_graph.align import (
    align_face,
    face_transform,
    invert,
    transform_points,
)
from psfr_tf.export.photo_graph.detect import (
    MOST_FACES,
    SPECS,
    Detect,
    Faces,
    in_order,
    regions_around,
    turned_faces,
)
from psfr_tf.export.photo_graph.loops import concat_of, stored_once
from psfr_tf.faces import believe as local
from psfr_tf.faces.align import template


class Answers(NamedTuple):
    """N detected faces with what the networks answered.

    Attributes:
        boxes, scores, landmarks: see `Faces`.
        matrices: f64 [N, 2, 3], photo to aligned face.
        changes: float32 [N, S, S, 4], see `changes.difference_and_mask`.
        support: f64 [N], share of nose plus share of mouth, 0..2.
    """

    boxes: tf.Tensor
    scores: tf.Tensor
    landmarks: tf.Tensor
    matrices: tf.Tensor
    changes: tf.Tensor
    support: tf.Tensor

    def take(self, indices: tf.Tensor) -> "Answers":
        return Answers(*(tf.gather(values, indices) for values in self))


def believable(
    photo: tf.Tensor,
    detect: Detect,
    answer: Callable[[tf.Tensor, Faces], Answers],
    min_score: tf.Tensor,
    min_face: tf.Tensor,
) -> Answers:
    """The faces to restore, at most `MOST_FACES`, from top to bottom."""
    again = _detected_again(detect)
    found = _upright_landmarks(photo, again, detect(photo, min_score, min_face))
    upright = answer(photo, found)
    clear = upright.support >= local._CLEAR
    believed, doubtful = tf.where(clear)[:, 0], tf.where(~clear)[:, 0]
    regions = tf.cond(
        tf.size(doubtful) < tf.size(believed),
        lambda: regions_around(tf.gather(upright.boxes, doubtful), photo),
        lambda: tf.stack([0, 0, tf.shape(photo)[1], tf.shape(photo)[0]])[tf.newaxis],
    )
    turned = turned_faces(photo, detect, min_score, min_face, regions)
    taken = _overlaps(turned.boxes, tf.gather(upright.boxes, believed))
    turned = turned.take(tf.where(~tf.reduce_any(taken, axis=1))[:, 0][:MOST_FACES])
    sideways = answer(photo, _upright_landmarks(photo, again, turned))

    every = Answers(*(tf.concat(pair, axis=0) for pair in zip(sideways, upright, strict=True)))
    first = tf.shape(sideways.scores)[0]  # of the upright ones
    overlap = _overlaps(every.boxes, every.boxes)
    is_upright = tf.range(tf.shape(every.scores)[0]) >= first
    chosen = is_upright & (every.support >= local._CLEAR)

    least = tf.where(
        is_upright, tf.constant(local._POSSIBLE, tf.float64), tf.constant(local._CLEAR, tf.float64)
    )
    candidates = tf.where((every.support >= least) & ~chosen)[:, 0]
    best = tf.argsort(-tf.gather(every.support, candidates), stable=True)
    chosen = _chosen_in_turn(chosen, tf.gather(candidates, best), overlap)

    doubtful = tf.where(is_upright & (every.support < local._CLEAR))[:, 0]

    def sure(index):
        points = every.landmarks[index]
        return again(photo, points, local._SURE_SCORE, local._SURE_DISTANCE)[0]

    chosen = _chosen_in_turn(chosen, doubtful, overlap, sure)
    return in_order(every.take(tf.where(chosen)[:, 0]))


def _chosen_in_turn(chosen: tf.Tensor, order: tf.Tensor, overlap: tf.Tensor, condition=None):
    """`chosen`, bool [N], with those of `order` that overlap none chosen before them."""

    def step(index, chosen):
        one = order[index]
        free = ~tf.reduce_any(overlap[one] & chosen)
        if condition is not None:
            free = tf.cond(free, lambda: condition(one), lambda: False)
        place = tf.equal(tf.range(tf.size(chosen), dtype=one.dtype), one)
        return index + 1, chosen | (place & free)

    count = tf.size(order)
    return tf.while_loop(lambda index, _: index < count, step, [0, chosen])[1]


def _overlaps(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """bool [N, M]: the centers are less than half of the larger box's side apart."""
    boxes, others = boxes[:, tf.newaxis], others[tf.newaxis]
    centers = [each[..., :2] + each[..., 2:] / 2 for each in (boxes, others)]
    apart = tf.reduce_max(tf.abs(centers[0] - centers[1]), axis=2)
    sides = [tf.reduce_max(each[..., 2:], axis=2) for each in (boxes, others)]
    return apart < tf.maximum(*sides) / 2


def _upright_landmarks(photo: tf.Tensor, again: Callable, faces: Faces) -> Faces:
    """A face tilted against the quarter turns gets its landmarks from the aligned face."""

    def better(index):
        points = faces.landmarks[index]
        matrix = face_transform(points, local._AGAIN_SIDE)
        angle = tf.atan2(matrix[1, 0], matrix[0, 0]) * (180 / math.pi)
        tilt = tf.abs(angle - 90 * tf.round(angle / 90))

        def nearer():
            least = faces.scores[index] - 0.1
            return again(photo, points, least, local._TILTED_DISTANCE)[1]

        return [tf.cond(tilt < local._TILT_DEGREES, lambda: points, nearer)[tf.newaxis]]

    (landmarks,) = concat_of(tf.shape(faces.scores)[0], better, SPECS[2])
    return Faces(faces.boxes, faces.scores, landmarks)


def _detected_again(detect: Detect) -> Callable:
    """A function of a photo, landmarks, a least score and the greatest distance as a share of the
    side: whether the detector finds the aligned face there, and the landmarks that it finds, else
    those that it got, float32 [5, 2]."""
    side = local._AGAIN_SIDE

    def again(photo, points, min_score, distance):
        matrix = face_transform(points, side)
        aligned = tf.cast(tf.round(align_face(photo, matrix, side)), tf.uint8)
        found = detect(aligned, min_score, tf.constant(side / 4, tf.float64)).landmarks
        offsets = tf.cast(found, tf.float64) - template(side)
        distances = tf.sqrt(tf.reduce_mean(tf.reduce_sum(tf.square(offsets), axis=2), axis=1))

        def nearest():
            new = found[tf.argmin(distances)]
            return tf.cast(transform_points(invert(matrix), new), tf.float32)

        is_there = tf.reduce_any(distances <= distance * side)
        return is_there, tf.cond(is_there, nearest, lambda: points)

    photo, points = (tf.uint8, [None, None, 3]), (tf.float32, [5, 2])
    return stored_once(photo, points, (tf.float64, []), (tf.float64, []))(again)
