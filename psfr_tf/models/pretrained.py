"""Pretrained networks that a user gives as a Keras file: features and face descriptors.

They serve losses only; nothing of them goes into a trained model. A file holds its own
normalization and takes float32 RGB in 0..255, channels last.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from psfr_tf.errors import UserError, cause
from psfr_tf.pictures import denormalize
from psfr_tf.torch_file import check_archive

# The square of an FFHQ-aligned face that recognition networks are given, of a side of 512 px:
# first row, first column, side. Found for dlib's network; others want about the same.
CHIP = (127, 76, 360)


def load_features(
    path: str | os.PathLike, layers: Sequence[str], option: str = "losses.style_layers"
) -> Callable[[Any], list[Any]]:
    """Feature maps of some layers of a network.

    Args:
        path: `.keras` file of a network for images of any size.
        layers: names of the layers.
        option: of the config that names them, for errors.

    Returns:
        Maps images [B, S, S, 3] in [-1, 1] to a list of float [B, h, w, C].

    Raises:
        UserError: the file cannot be read, or has no such layer.
    """
    network = load_network(path)
    missing = [name for name in layers if name not in {layer.name for layer in network.layers}]
    if missing or not layers:
        raise UserError(f"{option}: {path} has no layer named {(missing or ['(none given)'])[0]}")
    taps = keras.Model(network.input, [network.get_layer(name).output for name in layers])

    def features(images: Any) -> list[Any]:
        return keras.tree.flatten(taps(to_bytes_range(images), training=False))

    return features


def load_descriptor(path: str | os.PathLike) -> Callable[[Any], Any]:
    """Descriptors of faces by a recognition network.

    Args:
        path: `.keras` file of a network for square chips of a fixed size.

    Returns:
        Maps FFHQ-aligned faces [B, S, S, 3] in [-1, 1] to float [B, D].

    Raises:
        UserError: the file cannot be read, or takes other inputs.
    """
    network = load_network(path)
    shape = getattr(network, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[1] is None:
        raise UserError(f"{path}: a network of one input [B, N, N, 3] is needed, it has {shape}")

    def descriptor(images: Any) -> Any:
        top, left, side = (round(length * images.shape[1] / 512) for length in CHIP)
        chip = to_bytes_range(images)[:, top : top + side, left : left + side]
        chip = ops.image.resize(chip, shape[1:3], interpolation="bilinear", antialias=True)
        return network(chip, training=False)

    return descriptor


def load_network(path: str | os.PathLike) -> keras.Model:
    """A frozen network from a `.keras` file.

    Raises:
        UserError: it is not there or cannot be read.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; a Keras network (.keras) is needed")
    check_archive(Path(path))
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many types for a damaged file
        raise UserError(f"{path}: cannot be read as a Keras network: {cause(error)}") from error
    if not all(np.isfinite(weight).all() for weight in network.get_weights()):
        raise UserError(f"{path}: holds values that are not finite")
    network.trainable = False
    return network


def to_bytes_range(images: Any) -> Any:
    """[-1, 1] to float32 0..255."""
    return denormalize(ops.cast(images, "float32"))
