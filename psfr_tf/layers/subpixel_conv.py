"""Nearest x2 followed by a 3x3 convolution, computed on the small grid.

Two neighbouring output pixels read the same small pixels, only with other weights. So one 2x2
convolution to four times the channels, on the small grid padded by one, makes all of them with 4/9
of the multiplications; depth-to-space puts them in place.

With t = a row of the output, the 3 taps W0, W1, W2 of the enlarged picture read, on the small grid,

    t = 2i:      W0 at i - 1,  W1 + W2 at i
    t = 2i + 1:  W0 + W1 at i, W2 at i + 1

and the columns likewise. The 2x2 convolution at place p of the padded grid covers the small rows
p - 1 and p, enough for the rows 2p - 1 and 2p. Depth-to-space puts these two at 2p and 2p + 1, one
too far, so one row is cut from each side.
"""

import numpy as np
from keras import ops

# _TAPS[phase][small row][tap]: phase 0 is the odd row 2p - 1, phase 1 the even row 2p.
_TAPS = np.array([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], np.float64)


def subpixel_kernel(kernel: np.ndarray) -> np.ndarray:
    """The 2x2 kernel of the small grid.

    Args:
        kernel: float [3, 3, C, F].

    Returns:
        float32 [2, 2, C, 4 F], the channels in depth-to-space order.
    """
    phases = np.einsum("arx,bsy,xycf->rscabf", _TAPS, _TAPS, kernel.astype(np.float64))
    return phases.reshape(2, 2, kernel.shape[2], -1).astype(np.float32)


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
