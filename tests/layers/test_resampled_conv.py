"""Convolutions fused with nearest x2 or average pooling equal the two steps in turn."""

import keras
import numpy as np
import pytest
from keras import ops

from psfr_tf.layers import SpectralNormConv2D
from psfr_tf.layers.subpixel_conv import UpsampledConv2D


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(2, 6, 8, 5)).astype(np.float32)


def test_upsampled_conv(images):
    layer = UpsampledConv2D(7)
    fast = layer(images)
    layer.bias.assign(np.arange(7))
    fast = layer(images)
    enlarged = images.repeat(2, axis=1).repeat(2, axis=2)
    expected = ops.conv(enlarged, layer.kernel, padding="same") + layer.bias
    np.testing.assert_allclose(fast, expected, atol=1e-5)
    assert layer.compute_output_shape((None, 6, None, 5)) == (None, 12, None, 7)
    again = UpsampledConv2D.from_config(layer.get_config())
    assert again(images).shape == fast.shape


@pytest.mark.parametrize("resample", ["nearest", "average"])
def test_spectral_norm_conv_with_resampling(images, resample):
    padding = "same" if resample == "nearest" else "valid"
    layer = SpectralNormConv2D(4, padding=padding, resample=resample)
    fast = layer(images)
    kernel = layer.normalized_kernel()
    if resample == "nearest":
        enlarged = images.repeat(2, axis=1).repeat(2, axis=2)
        expected = ops.conv(enlarged, kernel, padding="same")
    else:
        expected = ops.average_pool(ops.conv(images, kernel, padding="valid"), 2)
    np.testing.assert_allclose(fast, expected + layer.bias, atol=1e-5)
    again = SpectralNormConv2D.from_config(layer.get_config())
    assert again(images).shape == fast.shape


def test_unknown_resampling_is_refused():
    with pytest.raises(ValueError, match="bilinear"):
        SpectralNormConv2D(4, resample="bilinear")


@pytest.mark.parametrize("resample", ["nearest", "average"])
def test_mixed_precision_keeps_its_dtype(images, resample):
    layer = SpectralNormConv2D(4, resample=resample, padding="valid", dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(layer(images).dtype) == "bfloat16"
