"""The layers: values against numpy, gradients, saving, mixed precision."""

import keras
import numpy as np
import pytest
from keras import ops

from psfr_tf.layers import (
    InstanceNormalization,
    ReflectionPadding2D,
    SpectralNormConv2D,
    StyledResidualBlock,
    StyleTransformation,
    bicubic_downsample,
)
from psfr_tf.layers import depth_to_space as module
from psfr_tf.models.discriminator import HalfSizeAveragePool


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(2, 16, 16, 5)).astype(np.float32)


def test_reflection_padding(images):
    expected = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(ReflectionPadding2D()(images), expected)


@pytest.mark.parametrize("way", ["reshaped", "older"])
def test_depth_to_space_of_older_keras_has_the_same_values(images, way):
    found = {"reshaped": lambda name: getattr(module, f"_reshaped_{name}"), "older": module._older}
    to_depth, to_space = map(found[way], ("space_to_depth", "depth_to_space"))
    blocks = to_depth(ops.convert_to_tensor(images), 2)
    assert blocks.shape == (2, 8, 8, 20)
    np.testing.assert_array_equal(blocks[0, 0, 0, :5], images[0, 0, 0])
    np.testing.assert_array_equal(blocks[0, 0, 0, 5:10], images[0, 0, 1])
    np.testing.assert_array_equal(blocks, module.space_to_depth(images, 2))
    np.testing.assert_array_equal(to_space(blocks, 2), images)
    np.testing.assert_array_equal(module.depth_to_space(blocks, 2), images)
    # The batch size stays open.
    inputs = keras.Input((16, 16, 5))
    blocks = to_depth(inputs, 2)
    model = keras.Model(inputs, [blocks, to_space(blocks, 2)])
    assert [tuple(x.shape) for x in model.outputs] == [(None, 8, 8, 20), (None, 16, 16, 5)]
    np.testing.assert_array_equal(model(images)[1], images)


def test_instance_normalization_has_zero_mean_and_unit_biased_variance(images):
    output = np.asarray(InstanceNormalization()(images * 7 + 3))
    np.testing.assert_allclose(output.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(output.var((1, 2)), 1, atol=1e-4)


def test_instance_normalization_statistics_stay_float32_in_half_precision():
    # The sum of squares, 2**16 * 10**2 and more, is beyond float16; the values are not.
    images = np.random.default_rng(0).normal(1000, 30, (1, 256, 256, 1)).astype(np.float16)
    output = InstanceNormalization(dtype="mixed_float16")(images)
    assert output.dtype == "float16"
    output = np.asarray(output, np.float32)
    assert abs(output.mean()) < 0.01
    assert abs(output.std() - 1) < 0.01


def test_half_size_pool_counts_only_pixels_inside(images):
    ones = np.ones_like(images)
    np.testing.assert_allclose(HalfSizeAveragePool()(ones), ones[:, ::2, ::2], rtol=1e-6)
    expected = images[0, 1:4, 3:6].mean((0, 1))
    np.testing.assert_allclose(HalfSizeAveragePool()(images)[0, 1, 2], expected, rtol=1e-5)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bicubic_downsample_keeps_linear_ramps_in_place(factor):
    ramp = np.arange(32, dtype=np.float32)[None, None, :, None] * np.ones((1, 32, 1, 1), np.float32)
    reduced = np.asarray(bicubic_downsample(ramp, factor))[0, 5 % (32 // factor), :, 0]
    centers = (np.arange(32 // factor) + 0.5) * factor - 0.5
    np.testing.assert_allclose(reduced[1:-1], centers[1:-1], atol=1e-4)


def test_bicubic_downsample_rejects_odd_factors(images):
    with pytest.raises(ValueError, match="factor=3"):
        bicubic_downsample(images, 3)


@pytest.mark.reference
def test_bicubic_downsample_matches_pytorch(reference):
    numbers = np.load(reference / "bicubic.npz")
    inputs = {name: array for name, array in numbers.items() if array.shape[-1] == 64}
    assert len(inputs) == 1
    images = next(iter(inputs.values())).transpose(0, 2, 3, 1)
    outputs = {array.shape[-1]: array for array in numbers.values() if array.shape[-1] != 64}
    assert sorted(outputs) == [2, 4, 8, 16, 32]
    for size, expected in outputs.items():
        reduced = bicubic_downsample(images, 64 // size)
        np.testing.assert_allclose(reduced, expected.transpose(0, 2, 3, 1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("layer", [StyleTransformation, StyledResidualBlock])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_styled_layers_keep_shape_and_round_trip(layer, policy, images):
    made = layer(channels=5, hidden=4, spectral_norm=True, dtype=policy)
    reference = images[..., :3]
    output = made(images, reference)
    assert output.shape == images.shape
    assert keras.backend.standardize_dtype(output.dtype) == made.compute_dtype
    clone = layer.from_config(made.get_config())
    clone(images, reference)
    clone.set_weights(made.get_weights())
    np.testing.assert_array_equal(
        ops.cast(clone(images, reference), "float32"), ops.cast(output, "float32")
    )


def test_spectral_norm_conv_at_inference_leaves_its_state(images):
    layer = SpectralNormConv2D(7)
    layer(images)
    before = layer.get_weights()
    layer(images, training=False)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_spectral_norm_converges_to_the_largest_singular_value(images):
    layer = SpectralNormConv2D(7)
    for _ in range(400):  # the closer the two largest values, the more
        layer(images, training=True)
    kernel = np.asarray(layer.kernel)
    largest = np.linalg.svd(kernel.reshape(-1, 7), compute_uv=False)[0]
    np.testing.assert_allclose(layer.sigma(), largest, rtol=1e-4)
    np.testing.assert_allclose(layer.normalized_kernel(), kernel / largest, rtol=1e-4)


@pytest.mark.reference
def test_spectral_norm_training_step_matches_pytorch(reference):
    import tensorflow as tf

    numbers = np.load(reference / "spectral_norm_step.npz")
    x = tf.constant(numbers["input"].transpose(0, 2, 3, 1))
    weight = numbers["weight_orig"]
    layer = SpectralNormConv2D(weight.shape[0])
    layer.build(x.shape)
    layer.kernel.assign(weight.transpose(2, 3, 1, 0))
    layer.bias.assign(numbers["bias"])
    layer.u.assign(numbers["u_before"])
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(x, training=True)
        loss = tf.reduce_sum(output**2)
    grad_kernel, grad_input = tape.gradient(loss, [layer.kernel.value, x])

    height, width, channels, _ = layer.kernel.shape
    v_after = numbers["v_after"].reshape(channels, height, width).transpose(1, 2, 0).reshape(-1)
    for actual, expected in (
        (layer.u, numbers["u_after"]),
        (layer.v, v_after),
        (output, numbers["output"].transpose(0, 2, 3, 1)),
        (grad_kernel, numbers["grad_weight_orig"].transpose(2, 3, 1, 0)),
        (grad_input, numbers["grad_input"].transpose(0, 2, 3, 1)),
    ):
        error = np.abs(np.asarray(actual) - expected).max() / np.abs(expected).max()
        assert error < 1e-4
