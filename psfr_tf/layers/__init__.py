"""Building blocks of the networks, written with `keras.ops` only."""

from psfr_tf.layers.bicubic_pyramid import bicubic_downsample
from psfr_tf.layers.damage_gate import DamageGate
from psfr_tf.layers.instance_norm import InstanceNormalization
from psfr_tf.layers.padding import ReflectionPadding2D
from psfr_tf.layers.spectral_norm import SpectralNormConv2D
from psfr_tf.layers.style_transformation import StyledResidualBlock, StyleTransformation

__all__ = [
    "DamageGate",
    "InstanceNormalization",
    "ReflectionPadding2D",
    "SpectralNormConv2D",
    "StyleTransformation",
    "StyledResidualBlock",
    "bicubic_downsample",
]
