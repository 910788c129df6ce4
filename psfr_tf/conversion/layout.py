"""Which tensor of a published checkpoint belongs to which variable of our networks.

The names on the left are those of the authors' release: an interface, like a file format.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Target:
    """Where one tensor goes.

    Attributes:
        variable: the Keras variable.
        torch_shape: the shape that the tensor has in the checkpoint.
        to_keras: from the checkpoint's layout to the variable's.
    """

    variable: Any
    torch_shape: tuple[int, ...]
    to_keras: Callable[[np.ndarray], np.ndarray]


def network_layout(network) -> dict[str, Target]:
    """The checkpoint layout of a `Generator`, `FaceParsingNetwork` or `MultiScaleDiscriminator`.

    Returns:
        The target of each tensor, by the tensor's name. Batch norm's step counters, which carry
        nothing for us, are left out.

    Raises:
        ValueError: for a generator without spectral norm, which the release does not have.
    """
    from psfr_tf.layers import SpectralNormConv2D
    from psfr_tf.models import FaceParsingNetwork, Generator

    if isinstance(network, Generator):
        if not network.spectral_norm:
            raise ValueError("a published generator has spectral norm; this one has not")
        layers = dict(_generator_layers(network))
    elif isinstance(network, FaceParsingNetwork):
        layers = dict(_parsing_layers(network))
    else:
        layers = dict(_discriminator_layers(network))

    targets: dict[str, Target] = {}
    for prefix, layer in layers.items():
        if isinstance(layer, SpectralNormConv2D):
            targets |= _spectral_conv_targets(prefix, layer)
        elif hasattr(layer, "moving_mean"):
            targets |= _batch_norm_targets(prefix, layer)
        elif hasattr(layer, "constant"):
            batch, height, width, channels = layer.constant.shape
            targets[prefix] = Target(
                layer.constant,
                (batch, channels, height, width),
                lambda tensor: tensor.transpose(0, 2, 3, 1),
            )
        else:
            targets |= _conv_targets(prefix, layer)
    return targets


def _generator_layers(generator) -> Iterator[tuple[str, Any]]:
    yield "const_input", generator.constant
    yield "img_out", generator.to_rgb
    for index, (conv, block) in enumerate(zip(generator.convs, generator.blocks, strict=True)):
        first, stage = ("head.0", "head.1")
        if index:
            first, stage = f"body.{index - 1}.1", f"body.{index - 1}.2"
        yield first, conv
        for part in (0, 1):
            style = getattr(block, f"style_{part}")
            yield f"{stage}.conv_{part}", getattr(block, f"conv_{part}")
            yield f"{stage}.norm_{part}.conv1.0", style.shared_conv
            yield f"{stage}.norm_{part}.gamma_conv", style.gamma_conv
            yield f"{stage}.norm_{part}.beta_conv", style.beta_conv


def _parsing_layers(network) -> Iterator[tuple[str, Any]]:
    yield "encoder.0.conv2d", network.encoder[0].conv
    blocks = {f"encoder.{index}": block for index, block in enumerate(network.encoder) if index}
    blocks |= {f"body.{index}": block for index, block in enumerate(network.body)}
    blocks |= {f"decoder.{index}": block for index, block in enumerate(network.decoder)}
    for name, block in blocks.items():
        if block.shortcut is not None:
            yield f"{name}.shortcut_func.conv2d", block.shortcut.conv
        for part in ("conv1", "conv2"):
            conv = getattr(block, part)
            yield f"{name}.{part}.conv2d", conv.conv
            yield f"{name}.{part}.norm.norm", conv.norm
    yield "out_img_conv.conv2d", network.to_image.conv
    yield "out_mask_conv.conv2d", network.to_logits.conv


def _discriminator_layers(discriminator) -> Iterator[tuple[str, Any]]:
    for scale, patch in enumerate(discriminator.patch_discriminators):
        for index, conv in enumerate(patch.convs):
            yield f"D_pool.{scale}.model.{index}.conv2d", conv
        yield f"D_pool.{scale}.score_out.conv2d", patch.to_score


def _conv_targets(prefix: str, layer) -> dict[str, Target]:
    targets = {f"{prefix}.weight": _kernel_target(layer.kernel)}
    if layer.use_bias:
        targets[f"{prefix}.bias"] = _same(layer.bias)
    return targets


def _spectral_conv_targets(prefix: str, layer) -> dict[str, Target]:
    def v_to_keras(v: np.ndarray) -> np.ndarray:
        height, width, channels, _ = layer.kernel.shape
        return v.reshape(channels, height, width).transpose(1, 2, 0).reshape(-1)

    return {
        f"{prefix}.weight_orig": _kernel_target(layer.kernel),
        f"{prefix}.weight_u": _same(layer.u),
        f"{prefix}.weight_v": Target(layer.v, tuple(layer.v.shape), v_to_keras),
        f"{prefix}.bias": _same(layer.bias),
    }


def _batch_norm_targets(prefix: str, layer) -> dict[str, Target]:
    return {
        f"{prefix}.weight": _same(layer.gamma),
        f"{prefix}.bias": _same(layer.beta),
        f"{prefix}.running_mean": _same(layer.moving_mean),
        f"{prefix}.running_var": _same(layer.moving_variance),
    }


def _same(variable) -> Target:
    return Target(variable, tuple(variable.shape), lambda tensor: tensor)


def _kernel_target(kernel) -> Target:
    height, width, inputs, outputs = kernel.shape
    return Target(
        kernel, (outputs, inputs, height, width), lambda tensor: tensor.transpose(2, 3, 1, 0)
    )
