"""Instance normalization (Ulyanov et al., arXiv 1607.08022) without affine parameters."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="psfr_tf")
class InstanceNormalization(keras.layers.Layer):
    """Normalize each channel of each image to mean 0 and variance 1 over its pixels.

    Biased variance, computed in float32 whatever the dtype policy: a sum over 512x512 values
    leaves the range of float16 and the precision of bfloat16.

    Args:
        epsilon: float added to the variance.

    Input and output: float [B, H, W, C].
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        centered = x - ops.mean(x, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(centered), axis=(1, 2), keepdims=True)
        return ops.cast(centered * ops.rsqrt(variance + self.epsilon), self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
