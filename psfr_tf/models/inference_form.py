"""The networks rewritten for inference: the same function with less work.

Exact rewrites, no approximation: spectral norm and batch norm are folded into the kernels, the part
of the generator that depends on its learned constant only is computed here, nearest x2 and the
convolution behind it become one sub-pixel convolution, convolutions that read the same input become
one, and the parsing network's image head is dropped. Every operation is one that LiteRT's XNNPACK
delegate takes, so that a network converts to a single delegate partition.

The down blocks of the parsing network keep two convolutions: conv1 has stride 1 and the shortcut
stride 2, so as one they would do the shortcut's work four times. They share the padding.
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.layers import DamageGate, ReflectionPadding2D
from psfr_tf.layers.depth_to_space import depth_to_space, space_to_depth
from psfr_tf.layers.folding import fold_batch_norm, plain_weights
from psfr_tf.layers.light import normalize_light, spatial_mean
from psfr_tf.layers.style_transformation import NEGATIVE_SLOPE
from psfr_tf.layers.subpixel_conv import edge_pad, subpixel_bias, subpixel_kernel, zero_pad
from psfr_tf.models.face_parsing import FaceParsingNetwork
from psfr_tf.models.generator import Generator, ReferencePyramid
from psfr_tf.models.own_network import image_size, is_own

# How far below the maximum a logit must be to count as "not the class". Logits nearer than this to
# the maximum get a value between 0 and 1. The inverse must be well inside float16.
ONE_HOT_MARGIN = 1e-3

# Factor of the convolution between the two norms of a block, which the second takes out again. The
# sum of 16 of its squares would else come near the largest float16 (tools/float16_ranges.py). A
# power of two changes no digit.
NORM_SCALE = 0.25

# Hidden channels from which the two convolutions of a block on the reference stay two: to cut their
# common output in two takes longer than to read the reference twice (tools/profile_litert.py).
APART = 64


@dataclass(frozen=True)
class InferenceForm:
    """Networks for inference, inputs and outputs float32, any batch size B.

    Attributes:
        size: side S of the faces in px.
        soft_parsing: whether the generator takes probabilities in place of a one-hot map.
        restorer: Keras model, lq [B, S, S, 3] RGB in [-1, 1] to a dict of `restored` [B, S, S, 3],
            not clipped, and `logits` [B, S, S, 19].
        generator: Keras model, `generator([lq, parsing])` to the restored face [B, S, S, 3].
        parsing_network: Keras model, lq to the logits [B, S, S, 19].
    """

    size: int
    soft_parsing: bool
    restorer: keras.Model
    generator: keras.Model
    parsing_network: keras.Model


def inference_form(
    generator: Generator, parsing_network: FaceParsingNetwork, precision: str = "float32"
) -> InferenceForm:
    """Rewrite a trained model for inference. Its weights are copied, not shared.

    A network of a class of your own, and a functional model, are taken as they are.

    Args:
        generator: the trained generator.
        parsing_network: the trained face parsing network.
        precision: "float32"; or "bfloat16" for weights and convolutions, with instance norms and
            the last convolution of each network still float32. That is no longer the same function.

    Raises:
        ValueError: if the two networks are for different image sizes.
    """
    size, parsing_size = image_size(generator), image_size(parsing_network)
    if size != parsing_size:
        raise ValueError(
            "Generator and face parsing network must have one image size. Received: "
            f"{size} and {parsing_size}"
        )
    fast_generator = generator_inference_form(generator, precision)
    fast_parsing = parsing_inference_form(parsing_network, precision)
    lq = keras.Input((size, size, 3), name="lq", dtype="float32")
    logits = fast_parsing(lq)
    soft = bool(getattr(generator, "soft_parsing", False))
    parsing = ops.softmax(logits, axis=-1) if soft else one_hot_without_comparison(logits)
    restored = fast_generator([lq, parsing])
    restorer = keras.Model(lq, {"restored": restored, "logits": logits}, name="restorer")
    return InferenceForm(size, soft, restorer, fast_generator, fast_parsing)


def one_hot_without_comparison(logits):
    """One-hot of the largest logit as relu(1 - (max - x) / margin).

    EQUAL and CAST, which the plain form lowers to, are not in LiteRT's XNNPACK delegate and would
    split the graph. The two agree but for pixels whose two best logits are within the margin.
    In float16 a gap above 65 becomes infinite, and its class 0, as it should be.
    """
    gap = ops.max(logits, axis=-1, keepdims=True) - logits
    return ops.relu(1.0 - gap * (1.0 / ONE_HOT_MARGIN))


def generator_inference_form(generator: Generator, precision: str = "float32") -> keras.Model:
    """`model([lq, parsing])` equal to `generator([lq, parsing])`, see `inference_form`."""
    if is_own(generator):
        return _as_it_is(generator, (3, NUM_CLASSES), ("lq", "parsing"), precision)
    size, subpixel = generator.image_size, generator.subpixel
    lq = keras.Input((size, size, 3), name="lq", dtype="float32")
    parsing = keras.Input((size, size, NUM_CLASSES), name="parsing", dtype="float32")
    pyramid = ReferencePyramid(
        sorted(generator.channels),
        subpixel,
        generator.parsing_input,
        generator.noise,
        dtype="float32",
    )
    seen, scale, _ = normalize_light(lq) if generator.light_normalization else (lq, None, None)
    references = [_cast(reference, precision) for reference in pyramid([seen, parsing])]
    pyramid.set_weights(generator.reference_pyramid.get_weights())

    start, start_norm = (ops.cast(each, precision) for each in _start(generator))
    x = _styled_block(generator.blocks[0], start, references[0], normalized=start_norm)
    for conv, block, reference in zip(
        generator.convs[1:], generator.blocks[1:], references[1:], strict=True
    ):
        (x,) = _subpixel_conv(zero_pad(x), [plain_weights(conv)])
        x = _styled_block(block, x, reference)
    weights = plain_weights(generator.to_rgb)
    x = _conv(_cast(x, "float32"), *(_negated(weights) if generator.add_input else weights))
    if subpixel > 1:
        x = depth_to_space(x, subpixel)
    if generator.damage_gate is not None:
        gate = DamageGate(generator.damage_gate.channels, dtype="float32")
        x = x * gate(seen)
        gate.set_weights(generator.damage_gate.get_weights())
    if generator.light_normalization:
        x = x * scale
    if generator.add_input:
        x = lq - x
    return keras.Model([lq, parsing], x, name="generator")


def parsing_inference_form(network: FaceParsingNetwork, precision: str = "float32") -> keras.Model:
    """`model(lq)` equal to `network(lq)["logits"]`, see `inference_form`."""
    if is_own(network):
        return _as_it_is(network, (3,), ("lq",), precision)
    size, subpixel = network.image_size, network.subpixel
    lq = keras.Input((size, size, 3), name="lq", dtype="float32")
    seen = normalize_light(lq)[0] if network.light_normalization else lq
    x = space_to_depth(seen, subpixel) if subpixel > 1 else seen
    first, *down = network.encoder
    x = _reflected_conv(_cast(x, precision), _folded(first))
    for block in down:
        x = _parsing_block(block, x)
    skip = x
    for block in network.body:
        x = _parsing_block(block, x)
    x = x + skip
    for block in network.decoder:
        x = _parsing_block(block, x)
    logits = _reflected_conv(_cast(x, "float32"), _folded(network.to_logits))
    if subpixel > 1:
        logits = depth_to_space(logits, subpixel)
    return keras.Model(lq, logits, name="parsing_network")


def _as_it_is(network, channels, names, precision: str) -> keras.Model:
    """A network of the user's own: nothing is known of it, so nothing is rewritten."""
    if precision != "float32":
        raise ValueError(f"{type(network).__name__} is not ours: only precision float32 is known.")
    size = image_size(network)
    inputs = [
        keras.Input((size, size, count), name=name, dtype="float32")
        for count, name in zip(channels, names, strict=True)
    ]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    outputs = network(inputs, training=False)
    if isinstance(outputs, dict):  # A face parsing network that draws an image too.
        outputs = outputs["logits"]
    return keras.Model(inputs, outputs)


def _start(generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """conv(constant) and its instance norm, float32 [1, s, s, C]: they depend on no input."""
    x = generator.convs[0](generator.constant.constant, training=False)
    normalized = generator.blocks[0].style_0.norm(x)
    return tuple(ops.convert_to_numpy(each).astype(np.float32) for each in (x, normalized))


def _styled_block(block, x, reference, normalized=None):
    """`StyledResidualBlock`; `normalized` is the instance norm of x if it is known."""
    styles = (block.style_0, block.style_1)
    shared = [plain_weights(style.shared_conv) for style in styles]
    if block.hidden < APART:
        together = _leaky_relu(_conv(reference, *_side_by_side(shared)))
        hidden = [together[..., : block.hidden], together[..., block.hidden :]]
    else:
        hidden = [_leaky_relu(_conv(reference, *weights)) for weights in shared]
    y = x
    for index, (style, conv) in enumerate(zip(styles, (block.conv_0, block.conv_1), strict=True)):
        both = [plain_weights(style.gamma_conv), plain_weights(style.beta_conv)]
        modulation = _conv(hidden[index], *_side_by_side(both))
        gamma, beta = modulation[..., : style.channels], modulation[..., style.channels :]
        if normalized is None:
            scale = NORM_SCALE if index else 1.0
            normalized = _instance_norm(y, style.norm.epsilon * scale**2)
        factor = -1.0 if index else NORM_SCALE  # subtracted from x, see `_negated`
        weights = _scaled(plain_weights(conv), factor)
        y = _conv(_leaky_relu(gamma * normalized + beta), *weights)
        normalized = None
    return ops.subtract(x, y)  # x may be the constant start, an array


def _instance_norm(x, epsilon: float):
    dtype, x = x.dtype, _cast(x, "float32")
    centered = x - spatial_mean(x)
    normalized = centered * ops.rsqrt(spatial_mean(ops.square(centered)) + epsilon)
    return _cast(normalized, dtype)


def _parsing_block(block, x):
    """`ParsingResidualBlock`."""
    conv1 = _folded(block.conv1)
    if block.scale == "up":
        y, shortcut = _subpixel_conv(edge_pad(x), [conv1, _folded(block.shortcut)])
    else:
        padded = ReflectionPadding2D(dtype=x.dtype)(x)
        y = _conv(padded, *conv1, padding="valid")
        shortcut = x
        if block.shortcut is not None:
            weights = _folded(block.shortcut)
            shortcut = _conv(padded, *weights, strides=block.shortcut.strides, padding="valid")
    y = _reflected_conv(_leaky_relu(y), _negated(_folded(block.conv2)), block.conv2.strides)
    return shortcut - y


def _reflected_conv(x, weights, strides: int = 1):
    kernel, bias = weights
    return _conv(ReflectionPadding2D(dtype=x.dtype)(x), kernel, bias, strides, "valid")


def _negated(weights) -> tuple[np.ndarray, np.ndarray]:
    """For x + conv(y) as x - negated_conv(y), the same number.

    Of a convolution and a sum TensorFlow makes one oneDNN operation, and that is not safe for
    threads: in TF 2.21 its kernel object holds the memory of the summand (MklConvOp's
    `fuse_add_src_`), and of faces restored at the same time some come out wrong.
    """
    return _scaled(weights, -1.0)


def _scaled(weights, factor: float) -> tuple[np.ndarray, np.ndarray]:
    kernel, bias = weights
    return factor * kernel, factor * bias


def _folded(layer) -> tuple[np.ndarray, np.ndarray]:
    weights = plain_weights(layer.conv)
    return weights if layer.norm is None else fold_batch_norm(*weights, layer.norm)


def _subpixel_conv(padded, weights: list) -> list:
    """Nearest x2, padding and 3x3 convolutions of one input, see `psfr_tf.layers.subpixel_conv`.

    Args:
        padded: float [B, H + 2, W + 2, C].
        weights: (kernel, bias) of each convolution.

    Returns:
        One float [B, 2 H, 2 W, F] for each convolution.
    """
    kernel, bias = _side_by_side(weights)
    x = _conv(
        padded, ops.convert_to_numpy(subpixel_kernel(kernel)), subpixel_bias(bias), padding="valid"
    )
    x = depth_to_space(x, 2)
    ends = np.cumsum([len(bias) for _, bias in weights]).tolist()
    starts = [0, *ends[:-1]]
    return [x[:, 1:-1, 1:-1, start:end] for start, end in zip(starts, ends, strict=True)]


def _side_by_side(weights: list) -> tuple[np.ndarray, np.ndarray]:
    """One convolution that makes the outputs of several, concatenated."""
    kernels, biases = zip(*weights, strict=True)
    return np.concatenate(kernels, axis=-1), np.concatenate(biases)


def _cast(x, dtype: str):
    """Without an operation in the graph where there is nothing to do."""
    return x if x.dtype == dtype else ops.cast(x, dtype)


def _conv(x, kernel, bias, strides: int = 1, padding: str = "same"):
    """Computed in the type of x, which the weights take too."""
    layer = keras.layers.Conv2D(
        kernel.shape[-1],
        kernel.shape[:2],
        strides,
        padding,
        kernel_initializer="zeros",
        dtype=x.dtype,
    )
    y = layer(x)
    layer.set_weights([kernel, bias])
    return y


def _leaky_relu(x):
    return ops.leaky_relu(x, NEGATIVE_SLOPE)
