"""A sub-pixel convolution equals nearest x2, padding and a 3x3 convolution."""

import numpy as np
import pytest
from keras import ops

from psfr_tf.layers.depth_to_space import depth_to_space
from psfr_tf.layers.subpixel_conv import edge_pad, subpixel_bias, subpixel_kernel, zero_pad

PADDINGS = [(zero_pad, "constant"), (edge_pad, "reflect")]


@pytest.mark.parametrize(("small_pad", "large_pad"), PADDINGS)
def test_equals_enlarging_first(small_pad, large_pad):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 4, 3)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 3, 7)).astype(np.float32)
    bias = rng.normal(size=7).astype(np.float32)

    y = ops.conv(small_pad(x), subpixel_kernel(kernel), padding="valid") + subpixel_bias(bias)
    fast = depth_to_space(y, 2)[:, 1:-1, 1:-1]

    large = np.pad(x.repeat(2, 1).repeat(2, 2), [(0, 0), (1, 1), (1, 1), (0, 0)], large_pad)
    np.testing.assert_allclose(fast, ops.conv(large, kernel, padding="valid") + bias, atol=1e-5)
