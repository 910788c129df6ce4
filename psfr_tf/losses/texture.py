"""Texture loss: the statistics of locally normalized brightness in each face region.

The style loss (paper equation 6) compares features of a network, whose finest layer sees little of
the grain of skin, the strands of hair and the noise of a photo. This one applies the same
region-wise Gram matrices to the pixels themselves: brightness normalized by its local mean and
deviation, its products with the neighbors, and the local contrast. In photographs these have
regular statistics (Ruderman, "The statistics of natural images", 1994), which blur, noise and
repeated patterns change; NIQE measures them in the same form (Mittal et al. 2013), so a model
trained with this loss should not be judged by NIQE alone. Unlike a discriminator it needs no
training and is small beside the pixel loss.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from psfr_tf.losses.reconstruction import LUMA
from psfr_tf.losses.semantic_style import EPSILON, doubled_gram_difference

SCALES = 2
# Offset of each neighbor: left, above, above left, above right.
NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))
WINDOW, SIGMA = 7, 7.0 / 6.0
# Brings the logarithm of the contrast, up to about 4, to the range of the other features.
CONTRAST_SHARE = 0.3


def texture_loss(fake: Any, real: Any, labels: Any) -> Any:
    """Squared difference of the texture statistics of each region (see the module).

    ``sum_r n_r / n mean(((G_r(fake) - G_r(real)) / n_r)^2)`` with the Gram matrix G_r and the n_r
    of n pixels of region r; mean over the batch, sum over the scales. Regions count by their size,
    where the style loss counts them alike: statistics of an eye's few pixels are mostly chance.

    Args:
        fake: restored faces [B, S, S, 3], RGB in [-1, 1], S even.
        real: HQ faces, same shape; no gradient flows into them.
        labels: [B, S, S] integer label map of the HQ faces.

    Returns:
        float32 scalar, at least 0.
    """
    total = 0.0
    for ours, theirs in zip(texture_features(fake), texture_features(real), strict=True):
        double, counts = doubled_gram_difference(ours, theirs, labels)
        difference = double * (0.5 / (counts + EPSILON))[:, :, None, None]
        errors = ops.mean(ops.square(difference), axis=(2, 3))
        shares = counts / ops.sum(counts, axis=1, keepdims=True)
        total = total + ops.mean(ops.sum(shares * errors, axis=1))
    return total


def texture_features(images: Any) -> Sequence[Any]:
    """What the Gram matrices are taken of, at full and at half size.

    Channels: 1 (its products are the means of the others); normalized brightness; that of four
    neighbors; its absolute value; its products with the four neighbors; their absolute values
    (so that the shape of each product's distribution counts, left and right); the local contrast,
    0.3 ln(deviation + 1) with the deviation in gray levels; that of the color differences R - Y
    and B - Y, without which grain gets colored specks.

    Args:
        images: [B, S, S, 3], RGB in [-1, 1], S even; computed in float32.

    Returns:
        Two maps, float32 [B, S, S, 18] and [B, S / 2, S / 2, 18].
    """
    images = ops.cast(images, "float32")
    # Around zero, where float32 is finest: the variance is a difference of squares.
    images = images * 127.5
    gray = ops.sum(ops.multiply(images, LUMA), axis=-1, keepdims=True)
    red, blue = images[..., :1] - gray, images[..., 2:] - gray
    features = []
    for scale in range(SCALES):
        if scale:
            gray, red, blue = (ops.average_pool(x, 2, 2, "valid") for x in (gray, red, blue))
        normalized, deviation = _normalize(gray)
        deviations = [deviation, _normalize(red)[1], _normalize(blue)[1]]
        neighbors = [ops.roll(normalized, offset, axis=(1, 2)) for offset in NEIGHBORS]
        products = [normalized * neighbor for neighbor in neighbors]
        channels = [
            ops.ones_like(normalized),
            normalized,
            *neighbors,
            ops.abs(normalized),
            *products,
            *(ops.abs(product) for product in products),
            *(CONTRAST_SHARE * ops.log(each + 1.0) for each in deviations),
        ]
        features.append(ops.concatenate(channels, axis=-1))
    return features


def _normalize(gray: Any) -> tuple[Any, Any]:
    """(x - mean) / (deviation + 1) and the deviation, of [B, H, W, 1] in gray levels."""
    mean = _blur(gray)
    # The root's gradient is bounded by what is added; a hundredth of a level squared is nothing.
    deviation = ops.sqrt(ops.relu(_blur(ops.square(gray)) - ops.square(mean)) + 1e-2)
    return (gray - mean) / (deviation + 1.0), deviation


def _blur(x: Any) -> Any:
    """Gaussian mean, reflected border, of [B, H, W, 1]."""
    pad = WINDOW // 2
    taps = np.exp(-0.5 * (np.arange(-pad, pad + 1) / SIGMA) ** 2)
    taps = ops.convert_to_tensor((taps / taps.sum()).astype(np.float32))
    x = ops.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]], mode="reflect")
    x = ops.conv(x, ops.reshape(taps, (WINDOW, 1, 1, 1)), padding="valid")
    return ops.conv(x, ops.reshape(taps, (1, WINDOW, 1, 1)), padding="valid")
