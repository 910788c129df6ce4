"""`psfr_tf.faces.color` and the difference of `psfr_tf.faces.paste`, of one face."""

import tensorflow as tf

from psfr_tf.export.photo_graph.blurs import blurred, blurred_by, blurred_to_edge
from psfr_tf.export.photo_graph.masks import head_mask
from psfr_tf.faces import color as local
from psfr_tf.faces import paste


def difference_and_mask(lq: tf.Tensor, restored: tf.Tensor, parsing: tf.Tensor) -> tf.Tensor:
    """What is added to a face, and where: float32 [S, S, 4].

    Args:
        lq, restored: float32 [S, S, 3] in [0, 255].
        parsing: uint8 [S, S].
    """
    size = parsing.shape[0]
    difference = restored - lq
    difference -= blurred_to_edge(difference, paste._COLOR_SIGMA * size)
    mask = head_mask(lq, parsing)
    return tf.concat([limit_chroma(difference, lq), mask[..., tf.newaxis]], axis=2)


def limit_chroma(difference: tf.Tensor, lq: tf.Tensor) -> tf.Tensor:
    """float32 [S, S, 3]."""
    luma = _luma(difference)
    chroma = difference - luma
    reach = tf.clip_by_value(local._REACH * blur(lq), 0.3, 0.08 * lq.shape[0])
    chroma -= blurred_by(chroma, reach)
    tinted, slope = tint(lq)
    return luma + tinted * slope * luma + (1.0 - tinted) * chroma


def blur(lq: tf.Tensor) -> tf.Tensor:
    """f64 scalar."""
    luma = _luma(lq)
    chroma = lq - luma
    return tf.maximum(_sigma(luma), _sigma(tf.stack([chroma[..., 0], chroma[..., 2]], axis=2)))


def _sigma(planes: tf.Tensor) -> tf.Tensor:
    before, after = _gradient_energy(planes), _gradient_energy(blurred(planes, 1.0))
    ratio = tf.maximum(before / tf.maximum(after, 0.01), 1.01)
    sigma = (ratio ** (1 / local._FALL) - 1.0) ** -0.5
    return tf.where(after < 0.01, tf.zeros([], tf.float64), sigma)


def _gradient_energy(planes: tf.Tensor) -> tf.Tensor:
    size = planes.shape[0]
    top, bottom, left, right = (round(size * part) for part in local._FACE)
    part = planes[top:bottom, left:right]
    across = part[1:-1, 2:] - part[1:-1, :-2]
    down = part[2:, 1:-1] - part[:-2, 1:-1]
    return tf.cast(tf.reduce_mean(tf.square(across)) + tf.reduce_mean(tf.square(down)), tf.float64)


def tint(lq: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """float32 scalar and [3]."""
    luma = _luma(lq)
    chroma = lq - luma
    luma_off = luma - tf.reduce_mean(luma)
    chroma_off = chroma - tf.reduce_mean(chroma, axis=[0, 1])
    variance = tf.reduce_mean(tf.square(luma_off)) + 1e-3
    slope = tf.reduce_mean(chroma_off * luma_off, axis=[0, 1]) / variance
    rest = chroma_off - slope * luma_off
    share = tf.sqrt(tf.reduce_mean(tf.square(rest))) / (tf.sqrt(variance) + 1.0)
    low, high = local._TINTED
    return tf.clip_by_value((high - share) / (high - low), 0.0, 1.0), slope


def _luma(pixels: tf.Tensor) -> tf.Tensor:
    return tf.tensordot(pixels, tf.constant(local.LUMA), 1)[..., tf.newaxis]
