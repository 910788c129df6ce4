"""Kernels and biases of plain convolutions, with normalizations of weights or outputs folded in."""

import numpy as np
from keras import ops

from psfr_tf.layers.spectral_norm import SpectralNormConv2D


def plain_weights(conv) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [k, k, C, F] and bias [F], float32, of a convolution with or without spectral norm.

    W / sigma of `SpectralNormConv2D` is a constant at inference. A missing bias is zeros.
    """
    spectral = isinstance(conv, SpectralNormConv2D)
    kernel = _numpy(conv.normalized_kernel() if spectral else conv.kernel)
    if conv.bias is None:
        return kernel, np.zeros(kernel.shape[-1], np.float32)
    return kernel, _numpy(conv.bias)


def fold_batch_norm(kernel, bias, norm) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the convolution that equals `norm(conv(x))` with the norm's stored statistics.

    Args:
        kernel, bias: of the convolution, as `plain_weights` returns them.
        norm: `keras.layers.BatchNormalization` over the channels, built.

    Returns:
        Kernel and bias, float32.
    """
    mean, variance, gamma, beta = (
        _numpy(value).astype(np.float64)
        for value in (norm.moving_mean, norm.moving_variance, norm.gamma, norm.beta)
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return (kernel * scale).astype(np.float32), ((bias - mean) * scale + beta).astype(np.float32)


def _numpy(value) -> np.ndarray:
    # Not numpy.asarray: a tensor of PyTorch may have a gradient.
    return ops.convert_to_numpy(value).astype(np.float32)
