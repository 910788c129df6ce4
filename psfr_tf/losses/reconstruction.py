"""Reconstruction loss: pixels and discriminator features (paper section 3.3)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from psfr_tf.losses.adversarial import over_scales

KINDS = ("l1", "l2", "psnr")
PAPER_FEATURE_LAYERS = 4
# Squared error in [-1, 1] of 46 dB: below it a restored face is as good as its original.
PSNR_FLOOR = 1e-4
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601


def pixel_loss(prediction: Any, target: Any, kind: str = "l1") -> Any:
    """Mean absolute (``"l1"``), mean squared (``"l2"``) or logarithmic (``"psnr"``) error.

    ``"psnr"`` is ``10 log10(1 + mse / 1e-4)`` of each image, the decibels that it is short of
    46 dB. With the other two a little harm to a good face costs nothing beside what heavily
    damaged ones have to gain; with this one a decibel is a decibel.

    Args:
        prediction: [B, H, W, C] in [-1, 1], any float dtype; compared in float32.
        target: same shape.
        kind: "l1" (authors' release), "l2" (paper) or "psnr".

    Returns:
        float32 scalar, at least 0.
    """
    difference = ops.cast(prediction, "float32") - ops.cast(target, "float32")
    if kind == "l1":
        return ops.mean(ops.abs(difference))
    if kind == "l2":
        return ops.mean(ops.square(difference))
    if kind == "psnr":
        errors = ops.mean(ops.square(difference), axis=tuple(range(1, len(difference.shape))))
        return ops.mean(10 / math.log(10) * ops.log1p(errors / PSNR_FLOOR))
    raise ValueError(f'`kind` must be "l1", "l2" or "psnr". Received: kind={kind!r}')


def chroma_loss(prediction: Any, target: Any) -> Any:
    """Mean absolute error of the color differences R - Y and B - Y, with Y of BT.601.

    Not the paper's. To the pixel loss, grain made of color costs as little as grain made of
    brightness; the texture loss asks for grain, and photographs have little of the former.

    Args:
        prediction: RGB [B, H, W, 3], any float dtype; compared in float32.
        target: same shape.

    Returns:
        float32 scalar, at least 0.
    """
    difference = ops.cast(prediction, "float32") - ops.cast(target, "float32")
    luma = ops.sum(ops.multiply(difference, LUMA), axis=-1, keepdims=True)
    return ops.mean(ops.abs(difference[..., ::2] - luma))


def feature_matching_loss(
    fake_features: Sequence[Sequence[Any]],
    real_features: Sequence[Sequence[Any]],
    form: str = "paper",
) -> Any:
    """Mean squared error of discriminator features, summed over layers.

    The paper uses the first 4 layers of each scale and sums over the scales; the release uses
    every layer and takes the mean over the scales (its "10 / 3" with a weight of 10). No
    gradient flows into ``real_features``.

    Args:
        fake_features: per scale, a list of feature maps [B, h, w, C] of the restored faces.
        real_features: the same of the HQ faces.
        form: "paper" or "release".

    Returns:
        float32 scalar, at least 0.
    """
    terms = []
    for fake_scale, real_scale in zip(fake_features, real_features, strict=True):
        if len(fake_scale) != len(real_scale):
            raise ValueError(
                "Both feature lists need the same number of layers. "
                f"Received: {len(fake_scale)} and {len(real_scale)}"
            )
        layers = PAPER_FEATURE_LAYERS if form == "paper" else len(fake_scale)
        terms.append(
            sum(
                pixel_loss(fake, ops.stop_gradient(real), "l2")
                for fake, real in zip(fake_scale[:layers], real_scale[:layers], strict=True)
            )
        )
    return over_scales(terms, form)
