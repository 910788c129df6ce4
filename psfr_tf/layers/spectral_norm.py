"""Convolution with spectral normalization (Miyato et al., ICLR 2018, arXiv 1802.05957)."""

import math

import keras
from keras import ops

from psfr_tf.layers.pooled_conv import pooled_conv
from psfr_tf.layers.subpixel_conv import upsampled_conv, zero_pad

INITIAL_ITERATIONS = 5


@keras.saving.register_keras_serializable(package="psfr_tf")
class SpectralNormConv2D(keras.layers.Layer):
    """2-D convolution whose kernel is W / sigma(W), sigma the largest singular value.

    A reparametrization: the raw kernel W is the trainable weight, and W / sigma is computed in the
    forward pass, so the gradient flows through sigma. The singular vectors u and v are stored (they
    are part of the published checkpoints) and count as constants in the gradient. A call with
    `training=True` first does one power iteration and stores the new u and v; at inference the
    stored ones are used as they are. `keras.layers.SpectralNormalization` instead overwrites the
    raw kernel, which leaves no gradient through sigma and no raw weight to load a checkpoint into.

    The kernel is normalized in float32 under every dtype policy.

    Args:
        filters: int, number of output channels.
        kernel_size: int, side of the square kernel.
        strides: int.
        padding: "same" (zeros) or "valid".
        resample: None, "nearest" (enlarge x2 before; 3x3, stride 1, "same") or "average" (2x2
            average pooling after; 3x3, stride 1, "valid").
        kernel_initializer, bias_initializer: Keras initializers.

    Input: float [B, H, W, C]. Output: float [B, H', W', filters].
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        padding: str = "same",
        resample: str | None = None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        if resample not in (None, "nearest", "average"):
            raise ValueError(
                f'`resample` must be None, "nearest" or "average". Received: {resample!r}'
            )
        self.resample = resample
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        rows = self.kernel_size * self.kernel_size * input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            autocast=False,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), initializer=self.bias_initializer
        )
        self.u = self.add_weight(
            name="u",
            shape=(self.filters,),
            initializer=self._initial_u,
            trainable=False,
            autocast=False,
        )
        self.v = self.add_weight(
            name="v",
            shape=(rows,),
            initializer=lambda shape, dtype: _unit(
                ops.matmul(self._matrix(self.kernel), self.u.value[:, None])[:, 0]
            ),
            trainable=False,
            autocast=False,
        )

    def call(self, inputs, training=None):
        if training:
            self._power_iteration()
        # conv(x, W / sigma) = conv(x, W) / sigma: divide the smaller of kernel and output.
        positions = math.prod(side or 1 for side in inputs.shape[1:3])
        divide_outputs = math.prod(self.kernel.shape[:3]) > positions
        kernel = self.kernel.value if divide_outputs else self.normalized_kernel()
        if self.resample == "nearest":
            outputs = upsampled_conv(zero_pad(inputs), kernel)
        elif self.resample == "average":
            outputs = pooled_conv(inputs, kernel)
        else:
            kernel = ops.cast(kernel, self.compute_dtype)
            outputs = ops.conv(inputs, kernel, strides=self.strides, padding=self.padding)
        if divide_outputs:
            outputs = outputs / ops.cast(self.sigma(), outputs.dtype)
        return outputs + self.bias

    def sigma(self):
        """The largest singular value of W as u and v estimate it: a float32 scalar, u^T W v."""
        u, v = ops.stop_gradient(self.u.value), ops.stop_gradient(self.v.value)
        return ops.sum(ops.matmul(v[None], self._matrix(self.kernel))[0] * u)

    def normalized_kernel(self):
        """W / sigma, float32 [kernel_size, kernel_size, C, filters]: the kernel of a plain conv."""
        return self.kernel / self.sigma()

    def _matrix(self, kernel):
        return ops.reshape(kernel, (-1, self.filters))

    def _initial_u(self, shape, dtype):
        # From random vectors sigma would start near 0 and the output near infinity, until training
        # has iterated; a network should be usable from its first call.
        matrix = self._matrix(self.kernel)
        u = keras.random.normal(shape, dtype=dtype)
        for _ in range(INITIAL_ITERATIONS):
            u = _unit(ops.matmul(ops.matmul(matrix, u[:, None])[None, :, 0], matrix)[0])
        return u

    def _power_iteration(self):
        matrix = ops.stop_gradient(self._matrix(self.kernel))
        v = _unit(ops.matmul(matrix, self.u.value[:, None])[:, 0])
        u = _unit(ops.matmul(v[None], matrix)[0])
        self.v.assign(v)
        self.u.assign(u)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "resample": self.resample,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


def _unit(vector):
    # 1e-12 is the floor that PyTorch's normalize uses; the two must agree to share checkpoints.
    return vector / ops.maximum(ops.sqrt(ops.sum(ops.square(vector))), 1e-12)
