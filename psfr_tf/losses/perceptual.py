"""Distances on features of pretrained networks: perceptual and identity loss."""

from collections.abc import Sequence
from typing import Any

from keras import ops

EPSILON = 1e-6


def perceptual_loss(fake_features: Sequence[Any], real_features: Sequence[Any]) -> Any:
    """Squared distance of feature vectors of length 1, mean over pixels, layers and images.

    As LPIPS (Zhang et al., arXiv 1801.03924, equation 1) without its learned weights.

    Args:
        fake_features: feature maps [B, h, w, C] of the restored faces.
        real_features: the same of the HQ faces; no gradient flows into them.

    Returns:
        float32 scalar in 0..4.
    """
    total = 0.0
    for fake, real in zip(fake_features, real_features, strict=True):
        difference = _unit(fake) - ops.stop_gradient(_unit(real))
        total = total + ops.mean(ops.sum(ops.square(difference), axis=-1))
    return total / len(fake_features)


def identity_loss(fake: Any, real: Any) -> Any:
    """Mean squared distance of two batches of face descriptors.

    Args:
        fake: float [B, D] of the restored faces.
        real: the same of the HQ faces; no gradient flows into it.

    Returns:
        float32 scalar, at least 0.
    """
    difference = ops.cast(fake, "float32") - ops.stop_gradient(ops.cast(real, "float32"))
    return ops.mean(ops.sum(ops.square(difference), axis=-1))


def _unit(features: Any) -> Any:
    features = ops.cast(features, "float32")
    return features * ops.rsqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + EPSILON)
