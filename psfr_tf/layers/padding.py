"""Reflection padding."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="psfr_tf")
class ReflectionPadding2D(keras.layers.Layer):
    """Pad one pixel on each side by reflection, without repeating the edge.

    Written as slices and concatenations, because LiteRT's delegates take those whole and leave
    MIRROR_PAD to the reference kernels, which splits a network at every convolution.

    Input: float [B, H, W, C], H and W at least 2. Output: float [B, H + 2, W + 2, C].
    """

    def call(self, inputs):
        x = ops.concatenate([inputs[:, 1:2], inputs, inputs[:, -2:-1]], axis=1)
        return ops.concatenate([x[:, :, 1:2], x, x[:, :, -2:-1]], axis=2)
