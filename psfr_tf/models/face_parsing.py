"""The face parsing network, FPN (paper, section 3.2)."""

import keras
from keras import ops

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.layers import ReflectionPadding2D
from psfr_tf.layers.depth_to_space import depth_to_space, space_to_depth
from psfr_tf.layers.light import normalize_light
from psfr_tf.layers.style_transformation import NEGATIVE_SLOPE
from psfr_tf.layers.subpixel_conv import edge_pad, upsampled_conv
from psfr_tf.models.preset_network import PresetNetwork


def one_hot_from_logits(logits):
    """1 where a logit is its pixel's maximum, else 0: float [B, H, W, 19], dtype of `logits`."""
    return ops.cast(logits == ops.max(logits, axis=-1, keepdims=True), logits.dtype)


def parsing_map(logits, soft: bool):
    """The parsing map that a generator takes, float [B, H, W, 19], dtype of `logits`.

    Args:
        logits: float [B, H, W, 19] of the face parsing network.
        soft: the generator's `soft_parsing`: probabilities (softmax) in place of one-hot.
    """
    return ops.softmax(logits, axis=-1) if soft else one_hot_from_logits(logits)


@keras.saving.register_keras_serializable(package="psfr_tf")
class ParsingConv(keras.layers.Layer):
    """Optional nearest x2, reflection padding, conv3x3, optional batch norm and leaky ReLU.

    A convolution followed by batch norm has no bias.
    """

    def __init__(self, filters, strides=1, upsample=False, norm=True, activation=True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.activation = activation
        policy = self.dtype_policy
        self.upsample = upsample
        self.pad = ReflectionPadding2D(dtype=policy)
        self.conv = keras.layers.Conv2D(
            filters, 3, strides, "valid", use_bias=not norm, dtype=policy
        )
        # PyTorch's momentum 0.1 is Keras' 0.9.
        self.norm = (
            keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=policy)
            if norm
            else None
        )

    def build(self, input_shape):
        self.conv.build((None, None, None, input_shape[-1]))
        if self.norm is not None:
            self.norm.build((None, None, None, self.filters))

    def call(self, x, training=None):
        if self.upsample:
            x = upsampled_conv(edge_pad(x), self.conv.kernel)
            x = x if self.conv.bias is None else x + self.conv.bias
        else:
            x = self.conv(self.pad(x))
        if self.norm is not None:
            x = self.norm(x, training=training)
        return ops.leaky_relu(x, NEGATIVE_SLOPE) if self.activation else x

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "upsample": self.upsample,
            "norm": self.norm is not None,
            "activation": self.activation,
        }


@keras.saving.register_keras_serializable(package="psfr_tf")
class ParsingResidualBlock(keras.layers.Layer):
    """shortcut(x) + conv2(conv1(x)), at the same size, half of it or twice of it.

    Args:
        filters: int, output channels.
        scale: "none" (identity shortcut), "down" (stride 2) or "up" (nearest x2 first); the latter
            two with a convolution as shortcut.
    """

    def __init__(self, filters: int, scale: str = "none", **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.scale = scale
        policy = self.dtype_policy
        up = {"upsample": scale == "up", "dtype": policy}
        stride = 2 if scale == "down" else 1
        self.conv1 = ParsingConv(filters, **up)
        self.conv2 = ParsingConv(filters, stride, activation=False, dtype=policy)
        self.shortcut = (
            None
            if scale == "none"
            else ParsingConv(filters, stride, norm=False, activation=False, **up)
        )

    def build(self, input_shape):
        self.conv1.build(input_shape)
        self.conv2.build((None, None, None, self.filters))
        if self.shortcut is not None:
            self.shortcut.build(input_shape)

    def call(self, x, training=None):
        y = self.conv2(self.conv1(x, training=training), training=training)
        return y + (x if self.shortcut is None else self.shortcut(x, training=training))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "scale": self.scale}


@keras.saving.register_keras_serializable(package="psfr_tf")
class FaceParsingNetwork(PresetNetwork):
    """Encoder, residual blocks with an outer skip, decoder; parsing logits and an image.

    Args:
        image_size: int, side of the square images in px.
        encoder_channels: list of int, channels after the first convolution and after each of the
            down blocks; the decoder mirrors it.
        num_residual_blocks: int, blocks at the smallest size.
        subpixel: int; above 1, the first convolution reads space-to-depth blocks and the outputs
            are made `subpixel**2` pixels at a time by depth-to-space.
        light_normalization: bool, the network sees LQ in the light of the training faces (see
            `psfr_tf.layers.light`).

    Call: `network(lq)`, lq float32 [B, S, S, 3] RGB in [-1, 1]. Output: dict with `logits` float32
    [B, S, S, 19] and `image` float32 [B, S, S, 3], the restored picture that FPN training asks for
    beside the parsing map.
    """

    def __init__(
        self,
        image_size: int = 512,
        encoder_channels: list[int] | tuple[int, ...] = (64, 128, 256, 256, 256),
        num_residual_blocks: int = 10,
        subpixel: int = 1,
        light_normalization: bool = False,
        **kwargs,
    ):
        encoder_channels = list(encoder_channels)
        if image_size % (subpixel * 2 ** (len(encoder_channels) - 1)):
            raise ValueError(
                "`image_size` must be divisible by `subpixel` times 2 for each down block. "
                f"Received: image_size={image_size}, subpixel={subpixel}, "
                f"encoder_channels={encoder_channels}"
            )
        policy = kwargs.pop("dtype", None) or keras.config.dtype_policy()

        # === Layers ===
        first, *down = encoder_channels
        plain = {"norm": False, "activation": False, "dtype": policy}
        self.encoder = [ParsingConv(first, **plain)]
        self.encoder += [ParsingResidualBlock(count, "down", dtype=policy) for count in down]
        self.body = [
            ParsingResidualBlock(encoder_channels[-1], dtype=policy)
            for _ in range(num_residual_blocks)
        ]
        self.decoder = [
            ParsingResidualBlock(count, "up", dtype=policy) for count in encoder_channels[-2::-1]
        ]
        self.to_logits = ParsingConv(NUM_CLASSES * subpixel**2, **plain)
        self.to_image = ParsingConv(3 * subpixel**2, **plain)

        # === Functional graph ===
        lq = keras.Input((image_size, image_size, 3), name="lq")
        seen, scale, shift = normalize_light(lq) if light_normalization else (lq, None, None)
        x = space_to_depth(seen, subpixel) if subpixel > 1 else seen
        for layer in self.encoder:
            x = layer(x)
        skip = x
        for layer in self.body:
            x = layer(x)
        x = x + skip
        for layer in self.decoder:
            x = layer(x)
        logits = ops.cast(self.to_logits(x), "float32")
        image = ops.cast(self.to_image(x), "float32")
        if subpixel > 1:
            logits = depth_to_space(logits, subpixel)
            image = depth_to_space(image, subpixel)
        if light_normalization:
            image = image * scale + shift
        super().__init__(inputs=lq, outputs={"logits": logits, "image": image}, **kwargs)

        # === Config ===
        self.image_size = image_size
        self.encoder_channels = encoder_channels
        self.num_residual_blocks = num_residual_blocks
        self.subpixel = subpixel
        self.light_normalization = light_normalization

    def encode(self, images) -> list:
        """Features after each encoder stage, inference mode, largest first: float [B, h, w, c]."""
        x = normalize_light(images)[0] if self.light_normalization else images
        x = space_to_depth(x, self.subpixel) if self.subpixel > 1 else x
        features = []
        for layer in self.encoder:
            x = layer(x, training=False)
            features.append(x)
        return features

    def get_config(self):
        return {
            "image_size": self.image_size,
            "encoder_channels": self.encoder_channels,
            "num_residual_blocks": self.num_residual_blocks,
            "subpixel": self.subpixel,
            "light_normalization": self.light_normalization,
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)
