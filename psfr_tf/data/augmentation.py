"""Flip and geometric and color changes of a sharp face and its parsing map."""

from __future__ import annotations

import math

import tensorflow as tf

from psfr_tf.data.occlusion import random_occlusion
from psfr_tf.labels import FLIP_PERMUTATION

# Ranges of the random change of pose: rotation in degrees to either side, least and greatest scale,
# shift of the side each way, greatest change of scale from the middle to the border.
# "mild" is about as far as an aligned face is off; "strong" is for face parsing, which must also
# get turned heads and badly found landmarks right.
GEOMETRY = {
    "mild": (5.0, (0.95, 1.05), 0.02, 0.0),
    "strong": (30.0, (0.75, 1.25), 0.08, 0.25),
}
BRIGHTNESS = 12.0  # gray levels
CONTRAST = (0.9, 1.1)
SATURATION = (0.85, 1.15)


def flip(hq: tf.Tensor, parsing: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirror a face left to right, with left and right labels exchanged.

    Args:
        hq: `[S, S, 3]`, any type.
        parsing: uint8 `[S, S]` labels.

    Returns:
        The same shapes and types.
    """
    labels = tf.gather(tf.constant(FLIP_PERMUTATION), tf.cast(parsing[:, ::-1], tf.int32))
    return hq[:, ::-1], tf.cast(labels, tf.uint8)


def random_flip(hq: tf.Tensor, parsing: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`flip` with probability one half; `seed` int32 `[2]`."""
    mirrored = tf.random.stateless_uniform([], seed, alg="philox") < 0.5
    return tf.cond(mirrored, lambda: flip(hq, parsing), lambda: (hq, parsing))


def transform(
    hq: tf.Tensor,
    parsing: tf.Tensor,
    angle: tf.Tensor | float,
    scale: tf.Tensor | float,
    shift_x: tf.Tensor | float,
    shift_y: tf.Tensor | float,
    tilt_x: tf.Tensor | float = 0.0,
    tilt_y: tf.Tensor | float = 0.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Rotate and scale a face about its center, then shift it; the border is reflected.

    Args:
        hq: float32 `[S, S, 3]`; sampled bilinearly.
        parsing: uint8 `[S, S]` labels; the nearest is taken.
        angle: degrees, counter-clockwise.
        scale: above 1 enlarges.
        shift_x: pixels to the right.
        shift_y: pixels down.
        tilt_x, tilt_y: perspective: how much larger the right, or lower, border is drawn than the
            middle, as a fraction in (-0.5, 0.5).

    Returns:
        The same shapes and types.
    """
    size = hq.shape[0]
    center = (size - 1) / 2.0
    radians = tf.cast(angle, tf.float32) * (math.pi / 180.0)
    cos = tf.cos(radians) / scale
    sin = tf.sin(radians) / scale
    # Source of output (x, y): center + R (x - center - shift), y pointing down.
    from_x, from_y = -(center + shift_x), -(center + shift_y)
    rotated = [[cos, -sin], [sin, cos]]
    tilt = [tilt_x / center, tilt_y / center]
    # In homogeneous coordinates; the middle has depth 1 before the raw op's own is divided out.
    depth = 1.0 - tilt[0] * center - tilt[1] * center
    rows = []
    for row in rotated:
        offset = row[0] * from_x + row[1] * from_y
        rows.append([row[k] + center * tilt[k] for k in (0, 1)] + [offset + center * depth])
    matrix = tf.stack([*rows[0], *rows[1], *tilt]) / depth

    def sample(images: tf.Tensor, interpolation: str) -> tf.Tensor:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images[None],
            transforms=matrix[None],
            output_shape=[size, size],
            interpolation=interpolation,
            fill_mode="REFLECT",
            fill_value=0.0,
        )[0]

    hq = tf.ensure_shape(sample(hq, "BILINEAR"), [size, size, 3])
    parsing = tf.ensure_shape(sample(parsing[:, :, None], "NEAREST"), [size, size, 1])[:, :, 0]
    return hq, parsing


def random_augmentation(
    hq: tf.Tensor, parsing: tf.Tensor, seed: tf.Tensor, strength: str = "mild"
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw a change of pose and color from the ranges above; a strong one also draws occlusions.

    Args:
        hq: float32 `[S, S, 3]` RGB in [0, 255].
        parsing: uint8 `[S, S]` labels.
        seed: int32 `[2]`.
        strength: "mild" or "strong".

    Returns:
        The same shapes, types and ranges.
    """
    rotation, scale, shift, perspective = GEOMETRY[strength]
    if strength == "strong":
        seed, occlusion_seed = tf.unstack(
            tf.random.experimental.stateless_split(seed, 2, alg="philox")
        )
        hq, parsing = random_occlusion(hq, parsing, occlusion_seed)
    draw = tf.random.stateless_uniform([9], seed, -1.0, 1.0, alg="philox")
    shift *= hq.shape[0]
    hq, parsing = transform(
        hq,
        parsing,
        angle=draw[0] * rotation,
        scale=_between(scale, draw[1]),
        shift_x=draw[2] * shift,
        shift_y=draw[3] * shift,
        tilt_x=draw[7] * perspective,
        tilt_y=draw[8] * perspective,
    )
    gray = tf.image.rgb_to_grayscale(hq)
    hq = gray + (hq - gray) * _between(SATURATION, draw[4])
    mean = tf.reduce_mean(hq)
    hq = mean + (hq - mean) * _between(CONTRAST, draw[5]) + draw[6] * BRIGHTNESS
    return tf.clip_by_value(hq, 0.0, 255.0), parsing


def _between(limits: tuple[float, float], draw: tf.Tensor) -> tf.Tensor:
    return limits[0] + (limits[1] - limits[0]) * (draw + 1.0) / 2.0
