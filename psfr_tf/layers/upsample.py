"""Nearest-neighbour enlargement by two."""

import keras
from keras import ops

from psfr_tf.layers.depth_to_space import depth_to_space


@keras.saving.register_keras_serializable(package="psfr_tf")
class NearestUpsampling2D(keras.layers.Layer):
    """Repeat every pixel twice in both directions.

    Four copies along the channels followed by depth-to-space: the same values as
    `keras.layers.UpSampling2D`, in operations that LiteRT's delegates take whole.

    Input: float [B, H, W, C]. Output: float [B, 2H, 2W, C].
    """

    def call(self, inputs):
        return depth_to_space(ops.concatenate([inputs] * 4, axis=-1), 2)
