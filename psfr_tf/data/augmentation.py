"""Flip and mild geometric and colour changes of a sharp face and its parsing map."""

from __future__ import annotations

import math

import tensorflow as tf

from psfr_tf.labels import FLIP_PERMUTATION

ROTATION = 5.0  # degrees to either side
SCALE = (0.95, 1.05)
SHIFT = 0.02  # of the side
BRIGHTNESS = 12.0  # grey levels
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
) -> tuple[tf.Tensor, tf.Tensor]:
    """Rotate and scale a face about its centre, then shift it; the border is reflected.

    Args:
        hq: float32 `[S, S, 3]`; sampled bilinearly.
        parsing: uint8 `[S, S]` labels; the nearest is taken.
        angle: degrees, counter-clockwise.
        scale: above 1 enlarges.
        shift_x: pixels to the right.
        shift_y: pixels down.

    Returns:
        The same shapes and types.
    """
    size = hq.shape[0]
    centre = (size - 1) / 2.0
    radians = tf.cast(angle, tf.float32) * (math.pi / 180.0)
    cos = tf.cos(radians) / scale
    sin = tf.sin(radians) / scale
    # Source of output (x, y): centre + R (x - centre - shift), y pointing down.
    from_x, from_y = -(centre + shift_x), -(centre + shift_y)
    matrix = tf.stack(
        [
            cos,
            -sin,
            centre + cos * from_x - sin * from_y,
            sin,
            cos,
            centre + sin * from_x + cos * from_y,
            0.0,
            0.0,
        ]
    )

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
    hq: tf.Tensor, parsing: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw a mild change of pose and colour from the ranges above.

    Args:
        hq: float32 `[S, S, 3]` RGB in [0, 255].
        parsing: uint8 `[S, S]` labels.
        seed: int32 `[2]`.

    Returns:
        The same shapes, types and ranges.
    """
    draw = tf.random.stateless_uniform([7], seed, -1.0, 1.0, alg="philox")
    shift = SHIFT * hq.shape[0]
    hq, parsing = transform(
        hq,
        parsing,
        angle=draw[0] * ROTATION,
        scale=_between(SCALE, draw[1]),
        shift_x=draw[2] * shift,
        shift_y=draw[3] * shift,
    )
    grey = tf.image.rgb_to_grayscale(hq)
    hq = grey + (hq - grey) * _between(SATURATION, draw[4])
    mean = tf.reduce_mean(hq)
    hq = mean + (hq - mean) * _between(CONTRAST, draw[5]) + draw[6] * BRIGHTNESS
    return tf.clip_by_value(hq, 0.0, 255.0), parsing


def _between(limits: tuple[float, float], draw: tf.Tensor) -> tf.Tensor:
    return limits[0] + (limits[1] - limits[0]) * (draw + 1.0) / 2.0
