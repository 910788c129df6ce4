"""Glasses, hats and patches drawn onto a sharp face, so that face parsing learns to expect them.

Few training portraits have glasses and hardly any a hat, and heavy damage hides thin frames. What
is drawn here is crude, but after the degradation not much tells it from the real thing. Distances
are in units of the face's side; a face is aligned to the FFHQ template when it comes here.
"""

from __future__ import annotations

import tensorflow as tf

from psfr_tf.labels import LABELS

GLASSES = 0.25  # probability, for a face without
DARK_LENSES = 0.2  # of the glasses
HAT = 0.1
PATCH = 0.25

_EYE_G, _HAT, _HAIR = LABELS.index("eye_g"), LABELS.index("hat"), LABELS.index("hair")
_EYES = (LABELS.index("r_eye"), LABELS.index("l_eye"))  # the left of the picture first
_BROWS = (LABELS.index("r_brow"), LABELS.index("l_brow"))
_TEMPLATE_EYES = ((0.377, 0.469), (0.623, 0.469))


def random_occlusion(
    hq: tf.Tensor, parsing: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw glasses, a hat and a patch, each with its probability.

    Args:
        hq: float32 `[S, S, 3]` RGB in [0, 255].
        parsing: uint8 `[S, S]` labels; glasses and hat are labeled, the patch is not: what lies
            under a hand or a microphone is to be guessed.
        seed: int32 `[2]`.

    Returns:
        The same shapes, types and ranges.
    """
    draw = tf.random.stateless_uniform([26], seed, alg="philox")
    wears = tf.reduce_any(parsing == _EYE_G)
    hq, parsing = tf.cond(
        (draw[0] < GLASSES) & ~wears,
        lambda: draw_glasses(hq, parsing, draw[3:12]),
        lambda: (hq, parsing),
    )
    hq, parsing = tf.cond(
        draw[1] < HAT, lambda: draw_hat(hq, parsing, draw[12:20]), lambda: (hq, parsing)
    )
    hq = tf.cond(draw[2] < PATCH, lambda: draw_patch(hq, draw[20:26], seed), lambda: hq)
    return hq, parsing


def draw_glasses(hq: tf.Tensor, parsing: tf.Tensor, draw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Two lenses about the eyes, a bridge and temples; clear or dark.

    Eyes and brows keep their labels where they show through, as in the weak labels of real glasses.

    Args:
        hq, parsing: as in `random_occlusion`.
        draw: float32 `[9]` in [0, 1): half width and height of a lens, its squareness, the frame's
            width, gray, warmth, whether the lenses are dark, how much, their shade.
    """
    size = hq.shape[0]
    x, y = _grid(size)
    half_width, half_height = _between(draw[0], 0.085, 0.115), _between(draw[1], 0.05, 0.09)
    power, frame = _between(draw[2], 2.0, 4.5), _between(draw[3], 0.006, 0.022)
    left, right = (
        _eye(parsing, label, x, y, *at) for label, at in zip(_EYES, _TEMPLATE_EYES, strict=True)
    )
    lens, rim = tf.zeros_like(x, tf.bool), tf.zeros_like(x, tf.bool)
    for center_x, center_y in (left, right):
        dx, dy = tf.abs(x - center_x), tf.abs(y - center_y - 0.01)
        inside = (dx / half_width) ** power + (dy / half_height) ** power < 1.0
        outside = (dx / (half_width + frame)) ** power + (dy / (half_height + frame)) ** power < 1.0
        lens, rim = lens | inside, rim | (outside & ~inside)
    # Bridge and temples: one thin band at the height of the eyes, up to the ears.
    along = (x - left[0]) / (right[0] - left[0])
    height = left[1] + (right[1] - left[1]) * along - 0.01
    band = tf.abs(y - height) < frame * 0.6
    person = (parsing > 0) & (parsing != _HAIR)
    rim |= band & ~lens & (tf.abs(along - 0.5) < 1.3) & person
    dark = draw[6] < DARK_LENSES
    opacity = tf.where(dark, _between(draw[7], 0.6, 0.95), 0.12 * draw[7])
    shade = tf.where(dark, 60.0 * draw[8], 160.0 + 90.0 * draw[8])
    hq = _paint(hq, lens, opacity, tf.fill([3], shade))
    gray, warm = 200.0 * draw[4] ** 2, 40.0 * draw[5]
    hq = _paint(hq, rim, 0.95, tf.stack([gray + warm, gray + warm / 2, gray]))
    seen = lens & ~dark & tf.reduce_any([parsing == label for label in (*_EYES, *_BROWS)], axis=0)
    return hq, tf.where((lens & ~seen) | rim, tf.constant(_EYE_G, tf.uint8), parsing)


def draw_hat(hq: tf.Tensor, parsing: tf.Tensor, draw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A crown of one color over forehead and hair, with a curved lower edge and a shaded rim.

    Args:
        hq, parsing: as in `random_occlusion`.
        draw: float32 `[8]` in [0, 1): height of the edge, its bend, its slope, RGB, half width and
            height of the crown.
    """
    x, y = _grid(hq.shape[0])
    edge = _between(draw[0], 0.22, 0.38) + _between(draw[1], -0.4, 0.4) * (x - 0.5) ** 2
    edge += _between(draw[2], -0.15, 0.15) * (x - 0.5)
    above = edge - y
    dx = tf.abs(x - 0.5) / _between(draw[6], 0.32, 0.45)
    within = dx**3 + tf.abs(above / _between(draw[7], 0.15, 0.5)) ** 3 < 1.0
    hat = (above > 0.0) & within
    color = 255.0 * draw[3:6] ** 2
    fold = 0.8 + 0.2 * tf.sin(40.0 * draw[0] * x + 25.0 * y)
    hq = _paint(hq, hat, 1.0, color * fold[..., None])
    hq = _paint(hq, hat & (above < 0.03), 0.5, tf.zeros([3]))
    return hq, tf.where(hat, tf.constant(_HAT, tf.uint8), parsing)


def draw_patch(hq: tf.Tensor, draw: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Cover a rectangle with one color and coarse noise, as a hand or a microphone does.

    Args:
        hq: float32 `[S, S, 3]` RGB in [0, 255].
        draw: float32 `[6]` in [0, 1): middle x and y, half width and height, gray, opacity.
        seed: int32 `[2]` of the noise.
    """
    x, y = _grid(hq.shape[0])
    covered = (tf.abs(x - draw[0]) < _between(draw[2], 0.03, 0.15)) & (
        tf.abs(y - draw[1]) < _between(draw[3], 0.03, 0.15)
    )
    noise = tf.random.stateless_uniform([8, 8, 3], seed, -40.0, 40.0, alg="philox")
    color = 255.0 * draw[4] + tf.image.resize(noise, hq.shape[:2])
    return tf.clip_by_value(_paint(hq, covered, _between(draw[5], 0.7, 1.0), color), 0.0, 255.0)


def _grid(size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """x and y of the pixels, float32 `[S, S]` in 0..1."""
    return tf.meshgrid(*[(tf.range(size, dtype=tf.float32) + 0.5) / size] * 2)


def _eye(parsing, label: int, x, y, template_x: float, template_y: float):
    """Middle of an eye's label; of the template where it is too small to trust."""
    weight = tf.cast(parsing == label, tf.float32)
    total = tf.reduce_sum(weight)
    enough = total > 2e-4 * parsing.shape[0] ** 2
    middle = [tf.math.divide_no_nan(tf.reduce_sum(weight * along), total) for along in (x, y)]
    return tf.where(enough, middle[0], template_x), tf.where(enough, middle[1], template_y)


def _paint(hq: tf.Tensor, where: tf.Tensor, opacity, color: tf.Tensor) -> tf.Tensor:
    alpha = opacity * tf.cast(where, tf.float32)[..., None]
    return hq * (1.0 - alpha) + color * alpha


def _between(draw: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return low + (high - low) * draw
