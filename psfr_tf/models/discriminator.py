"""The multi-scale discriminator (Wang et al., CVPR 2018; paper, section 3.3)."""

import keras
import numpy as np
from keras import ops

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.layers import InstanceNormalization, ReflectionPadding2D, SpectralNormConv2D
from psfr_tf.layers.style_transformation import NEGATIVE_SLOPE
from psfr_tf.models.preset_network import PresetNetwork


@keras.saving.register_keras_serializable(package="psfr_tf")
class HalfSizeAveragePool(keras.layers.Layer):
    """Average over 3x3 pixels with stride 2, centered, counting only pixels inside the picture.

    Input: float [B, H, W, C] of known, even H and W. Output: float [B, H / 2, W / 2, C].
    """

    def call(self, x):
        padded = ops.pad(x, ((0, 0), (1, 0), (1, 0), (0, 0)))
        sums = ops.average_pool(padded, 3, 2, padding="valid")
        rows, columns = (np.ones(side // 2, np.float32) for side in x.shape[1:3])
        rows[0] = columns[0] = 1.5  # the first window has two of its three rows inside
        scale = np.outer(rows, columns)[None, :, :, None]
        return sums * ops.convert_to_tensor(scale, dtype=sums.dtype)


@keras.saving.register_keras_serializable(package="psfr_tf")
class PatchDiscriminator(keras.layers.Layer):
    """The discriminator of one scale.

    [reflection pad, conv3x3, leaky ReLU], then for each further entry of `channels` [reflection
    pad, conv3x3, average pool 2, instance norm, leaky ReLU]; score = valid conv3x3 to one channel.
    Spectral norm on every convolution.

    Output: dict with `score` float [B, h, w, 1] and `features`, the list of all layer outputs.
    """

    def __init__(self, channels: list[int], **kwargs):
        super().__init__(**kwargs)
        self.channels = list(channels)
        policy = self.dtype_policy
        init = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
        self.pad = ReflectionPadding2D(dtype=policy)
        self.norm = InstanceNormalization(dtype=policy)
        self.convs = [
            SpectralNormConv2D(
                count,
                padding="valid",
                resample="average" if index else None,
                dtype=policy,
                **init,
            )
            for index, count in enumerate(self.channels)
        ]
        self.to_score = SpectralNormConv2D(1, padding="valid", dtype=policy, **init)

    def build(self, input_shape):
        before = input_shape[-1]
        for conv, count in zip(self.convs, self.channels, strict=True):
            conv.build((None, None, None, before))
            before = count
        self.to_score.build((None, None, None, before))

    def call(self, x, training=None):
        features = []
        for index, conv in enumerate(self.convs):
            x = conv(self.pad(x), training=training)
            if index:
                x = self.norm(x)
            x = ops.leaky_relu(x, NEGATIVE_SLOPE)
            features.append(x)
        return {"score": self.to_score(x, training=training), "features": features}

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}


@keras.saving.register_keras_serializable(package="psfr_tf")
class MultiScaleDiscriminator(PresetNetwork):
    """Patch discriminators on the image at scale 1, 1/2, 1/4, ..., without shared weights.

    Args:
        image_size: int, side of the square images in px.
        channels: list of int, channels of the layers at each scale.
        num_scales: int.

    Call: `discriminator(x)`, x float32 [B, S, S, 22]: image RGB in [-1, 1] and one-hot parsing of
    the HQ image. Output: a list with, for each scale, the dict of `PatchDiscriminator`.
    """

    def __init__(
        self,
        image_size: int = 512,
        channels: list[int] | tuple[int, ...] = (64, 128, 256, 512, 1024),
        num_scales: int = 3,
        **kwargs,
    ):
        channels = list(channels)
        policy = kwargs.pop("dtype", None) or keras.config.dtype_policy()

        # === Layers ===
        self.half_size = HalfSizeAveragePool(dtype=policy)
        self.patch_discriminators = [
            PatchDiscriminator(channels, dtype=policy) for _ in range(num_scales)
        ]

        # === Functional graph ===
        image_and_parsing = keras.Input((image_size, image_size, 3 + NUM_CLASSES))
        x = image_and_parsing
        outputs = []
        for index, patch_discriminator in enumerate(self.patch_discriminators):
            if index:
                x = self.half_size(x)
            outputs.append(patch_discriminator(x))
        super().__init__(inputs=image_and_parsing, outputs=outputs, **kwargs)

        # === Config ===
        self.image_size = image_size
        self.channels = channels
        self.num_scales = num_scales

    def get_config(self):
        return {
            "image_size": self.image_size,
            "channels": self.channels,
            "num_scales": self.num_scales,
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)
