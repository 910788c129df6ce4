"""The draws of the form "natural": from no damage to the paper's, and other light and color."""

from __future__ import annotations

import tensorflow as tf

from psfr_tf.data.degradation.separable import round_to_8_bit

# Shares of the faces: untouched; some stages, mostly weak; the rest are the paper's.
UNTOUCHED, PARTIAL = 0.12, 0.50
# Of a partly damaged face, probability of each stage.
BLUR, REDUCTION, NOISE, JPEG = 0.5, 0.6, 0.35, 0.7
# Saved once more at full size, of all faces that are not untouched.
SECOND_JPEG, SECOND_QUALITY = 0.25, (60, 95)
BEST_QUALITY = 97
# Another light: probability of any change, then of each kind.
CHANGED_LIGHT, EXPOSURE, FADING, CAST, GRAY = 0.4, 0.5, 0.4, 0.4, 0.2
EXPOSURES = (0.1, 1.6)  # factors, drawn on a logarithmic scale
CONTRASTS = (0.15, 1.0)
WEAKEST_CHANNEL = 0.5

# Of the cells of a manifest.
LIGHT_RANGES = {
    **dict.fromkeys(("gain_0", "gain_1", "gain_2"), (0.0, EXPOSURES[1])),
    "offset": (0.0, 255.0),
    "compressed_again": (0, 1),
    "second_quality": SECOND_QUALITY,
}


def neutral_light() -> dict[str, tf.Tensor]:
    """Fields of `DegradationParameters` that leave color, light and a second JPEG out."""
    return {
        "gain": tf.ones([3]),
        "offset": tf.constant(0.0),
        "compressed_again": tf.constant(False),
        "second_quality": tf.constant(SECOND_QUALITY[1], tf.int32),
    }


def soften(p, seed: tf.Tensor, size: int, least_sigma: float, jpeg_quality: tuple[int, int]):
    """Turn the paper's draws into those of "natural".

    Args:
        p: `DegradationParameters` as drawn for "paper".
        seed: int32 `[2]`.
        size: side S of the face in pixels.
        least_sigma: weakest Gaussian blur, in pixels.
        jpeg_quality: the paper's range.

    Returns:
        `DegradationParameters`.
    """
    u = iter(tf.unstack(tf.random.stateless_uniform([22], seed, alg="philox")))
    kind = next(u)
    untouched, partial = kind < UNTOUCHED, (kind >= UNTOUCHED) & (kind < UNTOUCHED + PARTIAL)

    def weak(paper, ours):
        """`ours` for a partly damaged face, else what the paper draws."""
        return tf.where(partial, ours, paper)

    def stage(probability: float) -> tf.Tensor:
        return ~untouched & (~partial | (next(u) < probability))

    blurred, reduced, noisy, compressed = (stage(p) for p in (BLUR, REDUCTION, NOISE, JPEG))
    # Powers above 1 favor weak damage.
    sigma = least_sigma + (p.gaussian_sigma - least_sigma) * next(u) ** 2
    low_size = tf.cast(tf.round(size * (32.0 / size) ** (next(u) ** 1.5)), tf.int32)
    noise_sigma = p.noise_sigma * next(u)
    span = BEST_QUALITY - jpeg_quality[0]
    quality = BEST_QUALITY - tf.cast(span * next(u) ** 1.5, tf.int32)
    first, last = SECOND_QUALITY
    again = ~untouched & (next(u) < SECOND_JPEG)
    second_quality = first + tf.cast(next(u) * (last + 1 - first), tf.int32)
    gain, offset, gray = _light(u)
    return p._replace(
        blurred=blurred,
        gaussian_sigma=weak(p.gaussian_sigma, sigma),
        low_size=tf.where(reduced, weak(p.low_size, low_size), size),
        noisy=noisy,
        noise_sigma=weak(p.noise_sigma, noise_sigma),
        compressed=compressed,
        jpeg_quality=weak(p.jpeg_quality, quality),
        gray=gray,
        gain=gain,
        offset=offset,
        compressed_again=again,
        second_quality=second_quality,
    )


def _light(u) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gain float32 `[3]` and offset (gray levels) of R, G, B, and whether the face is gray first.

    Exposure multiplies; fading moves all levels towards one of them; a color cast weakens the
    channels in order (warm or cold). Gray with a warm cast is sepia.
    """
    changed = next(u) < CHANGED_LIGHT
    low, high = EXPOSURES
    exposure = low * (high / low) ** next(u)
    exposure = tf.where(changed & (next(u) < EXPOSURE), exposure, 1.0)
    contrast = CONTRASTS[0] + (CONTRASTS[1] - CONTRASTS[0]) * next(u)
    contrast = tf.where(changed & (next(u) < FADING), contrast, 1.0)
    level = next(u) * 255.0
    weakest = WEAKEST_CHANNEL + (1.0 - WEAKEST_CHANNEL) * next(u)
    middle = weakest + (1.0 - weakest) * next(u)
    cast = tf.where(next(u) < 0.7, [1.0, middle, weakest], [weakest, middle, 1.0])
    cast = tf.where(changed & (next(u) < CAST), cast, [1.0, 1.0, 1.0])
    gray = changed & (next(u) < GRAY)
    return exposure * contrast * cast, level * (1.0 - contrast), gray


def relight(lq: tf.Tensor, hq: tf.Tensor, p) -> tuple[tf.Tensor, tf.Tensor]:
    """Another light or color for both pictures, `image * gain + offset` for each channel.

    Args:
        lq, hq: float32 `[H, W, 3]` RGB in [0, 255].
        p: `DegradationParameters`.

    Returns:
        The same shapes, whole numbers in [0, 255].
    """
    return tf.cond(
        tf.reduce_any(p.gain != 1.0) | (p.offset != 0.0),
        lambda: tuple(round_to_8_bit(image * p.gain + p.offset) for image in (lq, hq)),
        lambda: (lq, hq),
    )
