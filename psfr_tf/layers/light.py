"""Light, contrast and color of a face brought to those of the training faces, and back."""

import numpy as np
from keras import ops

# Mean and standard deviation over the aligned squares of 1,000 training faces, in [-1, 1]: of all
# pixels, and of R, G, B relative to it (as a difference, as a ratio).
MEAN, CHANNEL_MEAN = -0.02, np.array([0.12, -0.03, -0.09], np.float32)
SPREAD, CHANNEL_SPREAD = 0.44, np.array([1.09, 0.94, 0.97], np.float32)
# So far from these (differences, factors) a face is left as it is. Nine training faces in ten are
# within; to bring all faces to one light costs 0.25 dB on ordinary ones.
FREE_MEAN, FREE_CHANNEL_MEAN = 0.15, 0.12
FREE_SPREAD, FREE_CHANNEL_SPREAD = 1.25, 1.25

# Added to the variance: a flat picture keeps a finite gain, about 30 at most.
EPSILON = 1e-4

# Side up to which the mean of all pixels is taken in one sum.
LARGEST_PLAIN_MEAN = 16


def spatial_mean(x):
    """Mean over the pixels, float [B, 1, 1, C], by means of means.

    Phone GPUs compute in float16, where one sum over 128x128 squares leaves the range. On a CPU
    this costs the same as a plain mean.
    """
    while x.shape[1] > LARGEST_PLAIN_MEAN and x.shape[1] % 4 == 0:
        x = ops.average_pool(x, 4, 4)
    return ops.mean(x, axis=(1, 2), keepdims=True)


def normalize_light(images):
    """Bring each channel of each face into the range of light of the training faces.

    A dark, faded or tinted face is unlike everything that the networks have seen. Exposure,
    contrast and a color cast are, but for clipping, an affine map of each channel; this takes back
    what leaves the usual range, of the whole face and of each channel beside it, and changes
    nothing within. A gray face stays gray.

    Args:
        images: float [B, S, S, 3] RGB in [-1, 1].

    Returns:
        `(normalized, scale, shift)`: float [B, S, S, 3], not clipped, and two of [B, 1, 1, 3] that
        lead back: `images = normalized * scale + shift`.
    """
    mean = spatial_mean(images)
    centered = images - mean
    spread = ops.sqrt(spatial_mean(ops.square(centered)) + EPSILON)
    gray_mean, gray_spread = _channel_mean(mean), _channel_mean(spread)
    usual_mean = _within(gray_mean, MEAN - FREE_MEAN, MEAN + FREE_MEAN) + _within(
        mean - gray_mean, CHANNEL_MEAN - FREE_CHANNEL_MEAN, CHANNEL_MEAN + FREE_CHANNEL_MEAN
    )
    usual_spread = _within(gray_spread, SPREAD / FREE_SPREAD, SPREAD * FREE_SPREAD) * _within(
        spread / gray_spread,
        CHANNEL_SPREAD / FREE_CHANNEL_SPREAD,
        CHANNEL_SPREAD * FREE_CHANNEL_SPREAD,
    )
    scale = spread / usual_spread
    return centered / scale + usual_mean, scale, mean - usual_mean * scale


def _channel_mean(x):
    """Of float [B, 1, 1, 3]; slices, where a mean over channels would leave LiteRT's XNNPACK."""
    return (x[..., :1] + x[..., 1:2] + x[..., 2:]) * (1.0 / 3.0)


def _within(x, low, high):
    return ops.minimum(ops.maximum(x, low), high)
