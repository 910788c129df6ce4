"""The restoration generator (paper, section 3.1 and Figure 2)."""

import keras
from keras import ops

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.layers import DamageGate, StyledResidualBlock, bicubic_downsample
from psfr_tf.layers.depth_to_space import depth_to_space, space_to_depth
from psfr_tf.layers.light import normalize_light
from psfr_tf.layers.style_transformation import conv3x3
from psfr_tf.models.preset_network import PresetNetwork
from psfr_tf.models.presets import PRESETS


@keras.saving.register_keras_serializable(package="psfr_tf")
class LearnedConstant(keras.layers.Layer):
    """A learned start [size, size, channels], one copy for every image of the batch.

    Input: any tensor [B, ...], read for its batch size. Output: float [B, size, size, channels].
    """

    def __init__(self, size: int, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.channels = channels

    def build(self, input_shape):
        self.constant = self.add_weight(
            name="constant",
            shape=(1, self.size, self.size, self.channels),
            initializer="random_normal",
        )

    def call(self, inputs):
        shape = (ops.shape(inputs)[0], self.size, self.size, self.channels)
        return ops.broadcast_to(self.constant, shape)

    def compute_output_spec(self, inputs):
        shape = (inputs.shape[0], self.size, self.size, self.channels)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "channels": self.channels}


@keras.saving.register_keras_serializable(package="psfr_tf")
class FixedNoise(LearnedConstant):
    """Noise [size, size, channels] in [-1, 1], drawn once and not trained, for every image.

    Without noise a generator must invent texture from its features, and what it invents repeats
    (Karras et al., StyleGAN, CVPR 2019, section 3.2). There the noise is drawn for each image; here
    it is kept with the weights, so that the same face always gives the same result.
    """

    def build(self, input_shape):
        self.constant = self.add_weight(
            name="noise",
            shape=(1, self.size, self.size, self.channels),
            initializer=keras.initializers.TruncatedNormal(stddev=0.5, seed=0),
            trainable=False,
        )


@keras.saving.register_keras_serializable(package="psfr_tf")
class ReferencePyramid(keras.layers.Layer):
    """LQ image and parsing map, concatenated, at the size of each scale of the generator.

    Without `parsing_input` the map is left out (3 channels in place of 22). With `subpixel` 2 the
    largest scale is half the image; there LQ comes as space-to-depth blocks (12 channels), so that
    no pixel of it is lost, and only the parsing map is reduced. With `noise` the largest scale has
    one more channel of fixed noise, 4 with `subpixel` 2: one number for each pixel of the image.

    Call: `[lq, parsing]`. Output: list of float [B, size, size, 22], one for each of `sizes`; 31
    channels in the sub-pixel case described above.
    """

    def __init__(
        self,
        sizes: list[int],
        subpixel: int = 1,
        parsing_input: bool = True,
        noise: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = list(sizes)
        self.subpixel = subpixel
        self.parsing_input = parsing_input
        self.noise = None
        if noise:
            self.noise = FixedNoise(self.sizes[-1], subpixel**2, dtype=self.dtype_policy)

    def build(self, input_shape):
        if self.noise:
            self.noise.build(input_shape[0])

    def call(self, inputs):
        lq, parsing = inputs
        reference = ops.concatenate([lq, parsing], axis=-1) if self.parsing_input else lq
        side = lq.shape[1]
        references = [bicubic_downsample(reference, side // size) for size in self.sizes]
        if self.subpixel > 1:
            blocks = space_to_depth(lq, self.subpixel)
            references[-1] = ops.concatenate([blocks, references[-1][..., 3:]], axis=-1)
        if self.noise:
            references[-1] = ops.concatenate([references[-1], self.noise(lq)], axis=-1)
        return references

    def get_config(self):
        return {
            **super().get_config(),
            "sizes": self.sizes,
            "subpixel": self.subpixel,
            "parsing_input": self.parsing_input,
            "noise": self.noise is not None,
        }


@keras.saving.register_keras_serializable(package="psfr_tf")
class Generator(PresetNetwork):
    """Restores a face progressively, from a learned constant, styled at each scale by LQ + parsing.

    constant -> conv3x3 -> residual block; then at each larger scale nearest x2 -> conv3x3 ->
    residual block; last conv3x3 -> RGB, no activation.

    Args:
        image_size: int, side of the square images in px.
        channels: dict from the side of each scale to its channels; each side twice the one before,
            the last `image_size / subpixel`.
        style_hidden: int, hidden channels of the style transformations.
        spectral_norm: bool, spectral normalization on every convolution.
        subpixel: int; above 1, the last convolution makes `subpixel**2` pixels at a time by
            depth-to-space, and the reference's largest scale takes LQ as space-to-depth blocks.
        add_input: bool, add the output to LQ (then the network learns a correction).
        parsing_input: bool; without, the parsing map is taken but not used (ablation, Table 2).
        soft_parsing: bool; the parsing map is the class probabilities, where the paper has one-hot.
            Trained and used so: see `psfr_tf.models.face_parsing.parsing_map`.
        noise: bool, add fixed noise to the reference at the largest scale (see `FixedNoise`).
        light_normalization: bool, with `add_input`: the network sees LQ in the light of the
            training faces (`psfr_tf.layers.light`); its correction is scaled back to LQ's own.
        damage_gate: bool, with `add_input`: the correction is multiplied by a `DamageGate`, so that
            it goes to zero where there is nothing to mend.

    Call: `generator([lq, parsing])`, lq float32 [B, S, S, 3] RGB in [-1, 1], parsing float32
    [B, S, S, 19], one-hot or probabilities. Output: float32 [B, S, S, 3], nominally in [-1, 1], not
    clipped.

    Example:
        >>> generator = Generator.from_preset("psfrgan-512", load_weights=False)
        >>> restored = generator([lq, parsing])

    Reference: Chen et al., "Progressive Semantic-Aware Style Transformation for Blind Face
    Restoration", CVPR 2021, arXiv 2009.08709.
    """

    def __init__(
        self,
        image_size: int = 512,
        channels: dict[int, int] | None = None,
        style_hidden: int = 64,
        spectral_norm: bool = True,
        subpixel: int = 1,
        add_input: bool = False,
        parsing_input: bool = True,
        soft_parsing: bool = False,
        noise: bool = False,
        light_normalization: bool = False,
        damage_gate: bool = False,
        **kwargs,
    ):
        if (light_normalization or damage_gate) and not add_input:
            raise ValueError("`light_normalization` and `damage_gate` need `add_input`.")
        channels = channels or PRESETS["psfrgan-512"]["generator"]["channels"]
        channels = {int(size): count for size, count in channels.items()}
        sizes = sorted(channels)
        _check_sizes(sizes, image_size, subpixel)
        # Under mixed precision the network's inputs stay float32: the sum with LQ needs it.
        policy = kwargs.pop("dtype", None) or keras.config.dtype_policy()

        # === Layers ===
        self.reference_pyramid = ReferencePyramid(
            sizes, subpixel, parsing_input, noise, dtype=policy
        )
        self.constant = LearnedConstant(sizes[0], channels[sizes[0]], dtype=policy)
        self.convs = [
            conv3x3(channels[size], spectral_norm, upsample=size > sizes[0], dtype=policy)
            for size in sizes
        ]
        self.blocks = [
            StyledResidualBlock(channels[size], style_hidden, spectral_norm, dtype=policy)
            for size in sizes
        ]
        # A network that corrects its input starts as the identity.
        head = "zeros" if add_input else "glorot_uniform"
        self.to_rgb = conv3x3(3 * subpixel**2, spectral_norm, kernel_initializer=head, dtype=policy)
        self.damage_gate = DamageGate(dtype=policy) if damage_gate else None

        # === Functional graph ===
        lq = keras.Input((image_size, image_size, 3), name="lq")
        parsing = keras.Input((image_size, image_size, NUM_CLASSES), name="parsing")
        seen, scale, _ = normalize_light(lq) if light_normalization else (lq, None, None)
        references = self.reference_pyramid([seen, parsing])
        x = self.constant(lq)
        for conv, block, reference in zip(self.convs, self.blocks, references, strict=True):
            x = block(conv(x), reference)
        x = ops.cast(self.to_rgb(x), "float32")
        if subpixel > 1:
            x = depth_to_space(x, subpixel)
        if self.damage_gate is not None:
            x = x * self.damage_gate(seen)
        if light_normalization:
            x = x * scale
        if add_input:
            x = x + lq
        super().__init__(inputs=[lq, parsing], outputs=x, **kwargs)

        # === Config ===
        self.image_size = image_size
        self.channels = channels
        self.style_hidden = style_hidden
        self.spectral_norm = spectral_norm
        self.subpixel = subpixel
        self.add_input = add_input
        self.parsing_input = parsing_input
        self.soft_parsing = soft_parsing
        self.noise = noise
        self.light_normalization = light_normalization

    def get_config(self):
        return {
            "image_size": self.image_size,
            # JSON has no integer keys; __init__ turns them back.
            "channels": {str(size): count for size, count in self.channels.items()},
            "style_hidden": self.style_hidden,
            "spectral_norm": self.spectral_norm,
            "subpixel": self.subpixel,
            "add_input": self.add_input,
            "parsing_input": self.parsing_input,
            "soft_parsing": self.soft_parsing,
            "noise": self.noise,
            "light_normalization": self.light_normalization,
            "damage_gate": self.damage_gate is not None,
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def _check_sizes(sizes: list[int], image_size: int, subpixel: int) -> None:
    doubled = [sizes[0] * 2**index for index in range(len(sizes))]
    if sizes != doubled or sizes[-1] * subpixel != image_size:
        raise ValueError(
            "`channels` must name sizes that double up to `image_size / subpixel`. "
            f"Received: sizes={sizes}, image_size={image_size}, subpixel={subpixel}"
        )
