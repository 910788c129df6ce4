"""How much of a face needs mending, seen from its pixels alone."""

import keras
from keras import ops

from psfr_tf.layers.depth_to_space import space_to_depth
from psfr_tf.layers.light import spatial_mean
from psfr_tf.layers.style_transformation import NEGATIVE_SLOPE

BLOCK = 4  # px; side of the squares whose pixels the first convolution sees as channels
START_BIAS = 2.0  # sigmoid(2) = 0.88: a network that is given a gate goes on nearly as before


@keras.saving.register_keras_serializable(package="psfr_tf")
class DamageGate(keras.layers.Layer):
    """A factor in 0..1 for the generator's correction at each pixel.

    Blur, noise and JPEG blocks show in the finest detail, and whether skin is smooth or blurred
    only the sharpest places of the same picture tell. So the gate reads all pixels
    (space-to-depth), and its logit is the sum of one for each place and one for the whole face.

    Args:
        channels: three ints, of the convolutions at 1/4, 1/8 and 1/16 of the side.

    Call: `gate(lq)`, lq float [B, S, S, 3]. Output: float32 [B, S, S, 1], smooth (bilinear from
    1/16 of the side).
    """

    def __init__(self, channels: tuple[int, ...] = (32, 48, 64), **kwargs):
        super().__init__(**kwargs)
        self.channels = tuple(channels)
        policy = self.dtype_policy
        self.convs = [
            keras.layers.Conv2D(count, 3, 1 if place == 0 else 2, "same", dtype=policy)
            for place, count in enumerate(self.channels)
        ]
        self.to_vector = keras.layers.Conv2D(self.channels[-1], 1, dtype=policy)
        self.to_global = keras.layers.Conv2D(1, 1, kernel_initializer="zeros", dtype=policy)
        self.to_local = keras.layers.Conv2D(
            1,
            1,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(START_BIAS),
            dtype=policy,
        )

    def build(self, input_shape):
        count = input_shape[-1] * BLOCK**2
        for conv, filters in zip(self.convs, self.channels, strict=True):
            conv.build((None, None, None, count))
            count = filters
        for conv in (self.to_vector, self.to_global, self.to_local):
            conv.build((None, None, None, count))

    def call(self, lq):
        x = space_to_depth(lq, BLOCK)
        for conv in self.convs:
            x = ops.leaky_relu(conv(x), NEGATIVE_SLOPE)
        whole = ops.leaky_relu(self.to_vector(spatial_mean(x)), NEGATIVE_SLOPE)
        logit = ops.cast(self.to_local(x) + self.to_global(whole), "float32")
        return ops.image.resize(ops.sigmoid(logit), lq.shape[1:3], "bilinear")

    def compute_output_spec(self, lq):
        return keras.KerasTensor((*lq.shape[:-1], 1), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}
