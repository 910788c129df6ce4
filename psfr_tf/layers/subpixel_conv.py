"""Nearest x2 followed by a 3x3 convolution, computed on the small grid.

Two neighboring output pixels read the same small pixels, only with other weights. So one 2x2
convolution to four times the channels, on the small grid padded by one, makes all of them with 4/9
of the multiplications; depth-to-space puts them in place.

With t = a row of the output, the 3 taps W0, W1, W2 of the enlarged picture read, on the small grid,

    t = 2i:      W0 at i - 1,  W1 + W2 at i
    t = 2i + 1:  W0 + W1 at i, W2 at i + 1

and the columns likewise. The 2x2 convolution at place p of the padded grid covers the small rows
p - 1 and p, enough for the rows 2p - 1 and 2p. Depth-to-space puts these two at 2p and 2p + 1, one
too far, so one row is cut from each side.
"""

import keras
import numpy as np
from keras import ops

from psfr_tf.layers.depth_to_space import depth_to_space


def subpixel_kernel(kernel):
    """The 2x2 kernel of the small grid.

    Args:
        kernel: float [3, 3, C, F].

    Returns:
        float [2, 2, C, 4 F], the channels in depth-to-space order.
    """
    rows = _phases(kernel, axis=0)
    phases = [_phases(phase, axis=1) for phase in rows]
    return ops.concatenate([phase for pair in phases for phase in pair], axis=-1)


def _phases(kernel, axis: int) -> list:
    """Along one axis, the two taps of the odd row 2p - 1 and of the even row 2p."""
    first, middle, last = ops.split(kernel, 3, axis=axis)
    return [
        ops.concatenate([first + middle, last], axis=axis),
        ops.concatenate([first, middle + last], axis=axis),
    ]


def upsampled_conv(padded, kernel):
    """Nearest x2, padding and a 3x3 convolution.

    Args:
        padded: float [B, H + 2, W + 2, C], padded by `zero_pad` or `edge_pad`.
        kernel: float [3, 3, C, F].

    Returns:
        float [B, 2 H, 2 W, F].
    """
    x = ops.conv(padded, ops.cast(subpixel_kernel(kernel), padded.dtype), padding="valid")
    return depth_to_space(x, 2)[:, 1:-1, 1:-1]


def subpixel_bias(bias: np.ndarray) -> np.ndarray:
    """float [F] to float32 [4 F]."""
    return np.tile(bias, 4).astype(np.float32)


def edge_pad(x):
    """Repeat the outermost pixels: float [B, H, W, C] to [B, H + 2, W + 2, C].

    Before nearest x2 this equals reflection padding after it: the second enlarged row is a copy
    of the first.
    """
    x = ops.concatenate([x[:, :1], x, x[:, -1:]], axis=1)
    return ops.concatenate([x[:, :, :1], x, x[:, :, -1:]], axis=2)


def zero_pad(x):
    """Zeros around: float [B, H, W, C] to [B, H + 2, W + 2, C]."""
    return ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])


@keras.saving.register_keras_serializable(package="psfr_tf")
class UpsampledConv2D(keras.layers.Conv2D):
    """Nearest x2, then a zero-padded 3x3 convolution with bias.

    Input: float [B, H, W, C]. Output: float [B, 2H, 2W, filters].
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(filters, 3, padding="same", **kwargs)

    def call(self, inputs):
        return upsampled_conv(zero_pad(inputs), self.kernel) + self.bias

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        doubled = [None if side is None else 2 * side for side in (height, width)]
        return (batch, *doubled, self.filters)

    def get_config(self):
        config = super().get_config()
        return {key: value for key, value in config.items() if key not in _FIXED}


_FIXED = ("kernel_size", "padding")
