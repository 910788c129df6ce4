"""The paper's style transformation (Eq. 2 and Figure 3) and the residual block around it."""

import keras
from keras import ops

from psfr_tf.layers.instance_norm import InstanceNormalization
from psfr_tf.layers.spectral_norm import SpectralNormConv2D
from psfr_tf.layers.subpixel_conv import UpsampledConv2D

NEGATIVE_SLOPE = 0.2


def conv3x3(
    filters: int, spectral_norm: bool, upsample: bool = False, **kwargs
) -> keras.layers.Layer:
    """A zero-padded 3x3 convolution with bias, with or without spectral normalization.

    With `upsample`, nearest x2 comes before it.
    """
    if spectral_norm:
        return SpectralNormConv2D(filters, 3, resample="nearest" if upsample else None, **kwargs)
    if upsample:
        return UpsampledConv2D(filters, **kwargs)
    return keras.layers.Conv2D(filters, 3, padding="same", **kwargs)


@keras.saving.register_keras_serializable(package="psfr_tf")
class StyleTransformation(keras.layers.Layer):
    """Modulate normalized features with a scale and a shift computed from the reference.

    `instance_norm(x) * gamma + beta`, gamma and beta per pixel and channel from
    reference -> conv3x3 -> leaky ReLU -> conv3x3. There is no "1 +" before gamma.

    Args:
        channels: int, channels of the features.
        hidden: int, channels between the two convolutions.
        spectral_norm: bool, spectral normalization on all three convolutions.

    Call: `(x, reference)`, x float [B, H, W, channels] and reference float [B, H, W, R] at the same
    size. Output: float [B, H, W, channels].
    """

    def __init__(self, channels: int, hidden: int = 64, spectral_norm: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.hidden = hidden
        self.spectral_norm = spectral_norm
        self.norm = InstanceNormalization(dtype=self.dtype_policy)
        self.shared_conv = conv3x3(hidden, spectral_norm, dtype=self.dtype_policy)
        self.gamma_conv = conv3x3(channels, spectral_norm, dtype=self.dtype_policy)
        self.beta_conv = conv3x3(channels, spectral_norm, dtype=self.dtype_policy)

    def build(self, x_shape, reference_shape):
        hidden_shape = (*reference_shape[:-1], self.hidden)
        self.shared_conv.build(reference_shape)
        self.gamma_conv.build(hidden_shape)
        self.beta_conv.build(hidden_shape)

    def call(self, x, reference):
        style = ops.leaky_relu(self.shared_conv(reference), NEGATIVE_SLOPE)
        return self.norm(x) * self.gamma_conv(style) + self.beta_conv(style)

    def compute_output_shape(self, x_shape, reference_shape):
        return x_shape

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "hidden": self.hidden,
            "spectral_norm": self.spectral_norm,
        }


@keras.saving.register_keras_serializable(package="psfr_tf")
class StyledResidualBlock(keras.layers.Layer):
    """x + conv_1(lrelu(ST_1(conv_0(lrelu(ST_0(x)))))): the body of the generator at one scale.

    Arguments, inputs and outputs as in `StyleTransformation`.
    """

    def __init__(self, channels: int, hidden: int = 64, spectral_norm: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.hidden = hidden
        self.spectral_norm = spectral_norm
        policy = self.dtype_policy
        self.style_0 = StyleTransformation(channels, hidden, spectral_norm, dtype=policy)
        self.conv_0 = conv3x3(channels, spectral_norm, dtype=policy)
        self.style_1 = StyleTransformation(channels, hidden, spectral_norm, dtype=policy)
        self.conv_1 = conv3x3(channels, spectral_norm, dtype=policy)

    def build(self, x_shape, reference_shape):
        self.style_0.build(x_shape, reference_shape)
        self.conv_0.build(x_shape)
        self.style_1.build(x_shape, reference_shape)
        self.conv_1.build(x_shape)

    def call(self, x, reference):
        y = self.conv_0(ops.leaky_relu(self.style_0(x, reference), NEGATIVE_SLOPE))
        y = self.conv_1(ops.leaky_relu(self.style_1(y, reference), NEGATIVE_SLOPE))
        return x + y

    def compute_output_shape(self, x_shape, reference_shape):
        return x_shape

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "hidden": self.hidden,
            "spectral_norm": self.spectral_norm,
        }
