"""`psfr_tf.faces.plausible` and `psfr_tf.faces.head_mask` as TensorFlow operations, one face."""

import numpy as np
import tensorflow as tf

from psfr_tf.export.photo_graph.blurs import blurred
from psfr_tf.faces import head_mask as local
from psfr_tf.faces import plausible
from psfr_tf.faces.align import template
from psfr_tf.faces.color import LUMA
from psfr_tf.labels import NUM_CLASSES


def nose_and_mouth(parsing: tf.Tensor) -> tf.Tensor:
    """f64 [2] of a parsing map uint8 [S, S]."""
    size = parsing.shape[0]
    points = template(size)
    mouth = (points[3] + points[4]) / 2
    return tf.stack(
        [
            _share(parsing, points[2], plausible._NOSE_WINDOW, plausible._NOSE),
            _share(parsing, mouth, plausible._MOUTH_WINDOW, plausible._MOUTH),
        ]
    )


def _share(parsing, center, window, classes) -> tf.Tensor:
    below, half_width, half_height = (parsing.shape[0] * part for part in window)
    x, y = center[0], center[1] + below
    rows = slice(round(y - half_height), round(y + half_height))
    columns = slice(round(x - half_width), round(x + half_width))
    table = np.zeros(NUM_CLASSES)
    table[classes] = 1
    return tf.reduce_mean(_looked_up(table, parsing[rows, columns]))


def _looked_up(table: np.ndarray, parsing: tf.Tensor) -> tf.Tensor:
    return tf.gather(tf.constant(table), tf.cast(parsing, tf.int32))


def head_mask(lq: tf.Tensor, parsing: tf.Tensor) -> tf.Tensor:
    """float32 [S, S] in [0, 1] of float32 [S, S, 3] and uint8 [S, S]."""
    size = parsing.shape[0]
    head = _looked_up(local._HEAD, parsing) | local._core(size)
    reach = size * local._CLOSE
    head = 1 - _dilated(1 - _dilated(tf.cast(head, tf.float32), reach), reach)
    mask = blurred(head, size * local._FEATHER)
    mask = tf.clip_by_value((mask - 0.2) / 0.6, 0.0, 1.0)
    cover = tf.cast(covered(lq, parsing), tf.float32)
    cover = blurred(_dilated(cover, size * local._COVER_REACH), size * local._FEATHER)
    return mask * tf.clip_by_value(1.0 - 2.0 * cover, 0.0, 1.0)


def covered(lq: tf.Tensor, parsing: tf.Tensor) -> tf.Tensor:
    """bool [S, S]."""
    size = parsing.shape[0]
    core = tf.constant(local._core(size))
    luma = tf.tensordot(lq, tf.constant(LUMA), 1)
    unit = tf.maximum(tf.math.reduce_std(tf.boolean_mask(luma, core)) / 45.0, 0.05)

    fine = tf.reduce_max(tf.abs(lq - blurred(lq, size * local._DETAIL)), axis=2) / unit
    features = tf.cast(_looked_up(local._FEATURES, parsing), tf.float32)
    features = _dilated(features, size * local._CLOSE) > 0
    features |= local._windows(size) | ~core
    contrast = fine > tf.where(features, local._CONTRAST_ON_FEATURES, local._CONTRAST_ON_SKIN)

    skin = core & _looked_up(local._SKIN, parsing)
    few = tf.math.count_nonzero(skin, dtype=tf.float32) < 0.04 * local._core(size).sum()
    skin = tf.where(few, core, skin)
    level = luma[..., tf.newaxis] + 20.0 * unit
    chroma = lq - luma[..., tf.newaxis]
    shares = tf.boolean_mask(chroma / level, skin)
    expected = tf.stack([_median(channel) for channel in tf.unstack(shares, axis=1)]) * level
    unlike = tf.reduce_max(tf.abs(chroma - expected), axis=2) / unit
    strong = tf.reduce_max(tf.abs(chroma), axis=2) / unit > local._SATURATION
    saturated = strong & (unlike > local._SATURATION)

    dark = luma < local._DARK * _median(tf.boolean_mask(luma, skin))
    unexplained = core & _looked_up(local._UNEXPLAINED, parsing)
    unexplained &= (unlike > local._UNLIKE_SKIN) | dark
    hidden = np.zeros((size, size), bool)
    local._window(hidden, template(size)[3:].mean(axis=0), local._HIDDEN_MOUTH)
    no_mouth = nose_and_mouth(parsing)[1] < local._LEAST_MOUTH
    return contrast | saturated | unexplained | (no_mouth & hidden)


def _dilated(mask: tf.Tensor, radius: float) -> tf.Tensor:
    side = local._kernel(radius).shape[0]
    mask = mask[tf.newaxis, ..., tf.newaxis]
    for window in ([side, 1], [1, side]):
        mask = tf.nn.max_pool2d(mask, window, 1, "SAME")
    return mask[0, ..., 0]


def _median(values: tf.Tensor) -> tf.Tensor:
    """Of float32 [N], N >= 1."""
    count = tf.size(values)
    largest = tf.math.top_k(values, count // 2 + 1).values
    return (largest[-1] + largest[(count - 1) // 2]) / 2
