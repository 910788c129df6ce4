"""Pretrained networks that a user gives as a Keras file: features and face descriptors.

They serve losses only; nothing of them goes into a trained model. A file holds its own
normalization and takes float32 RGB in 0..255, channels last.
"""

import os
from collections.abc import Sequence
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
) -> keras.Model:
    """Feature maps of some layers of a network.

    Args:
        path: `.keras` file of a network for images of any size.
        layers: names of the layers.
        option: of the config that names them, for errors.

    Returns:
        A model from images [B, S, S, 3] in [-1, 1] to a list of float [B, h, w, C]; of one layer
        Keras gives the map itself.

    Raises:
        UserError: the file cannot be read, or has no such layer.
    """
    network = load_network(path)
    missing = [name for name in layers if name not in {layer.name for layer in network.layers}]
    if missing or not layers:
        raise UserError(f"{option}: {path} has no layer named {(missing or ['(none given)'])[0]}")
    taps = keras.Model(network.input, [network.get_layer(name).output for name in layers])
    images = keras.Input((None, None, 3), name="images")
    features = keras.tree.flatten(taps(to_bytes_range(images), training=False))
    model = keras.Model(images, features, name="features")
    model.trainable = False
    return model


@keras.saving.register_keras_serializable(package="psfr_tf")
class FaceDescriptor(keras.layers.Layer):
    """A recognition network on the chip of FFHQ-aligned faces.

    Args:
        network: a Keras model of one input [B, N, N, 3].

    Call: faces [B, S, S, 3] in [-1, 1]. Output: float [B, D].
    """

    def __init__(self, network: keras.Model, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.network = network

    def call(self, images):
        top, left, side = (round(length * images.shape[1] / 512) for length in CHIP)
        chip = to_bytes_range(images)[:, top : top + side, left : left + side]
        size = self.network.input_shape[1:3]
        chip = ops.image.resize(chip, size, interpolation="bilinear", antialias=True)
        return self.network(chip, training=False)

    def get_config(self):
        described = keras.saving.serialize_keras_object(self.network)
        return {"network": described, "name": self.name}

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(network, name=config["name"])


def load_descriptor(path: str | os.PathLike) -> FaceDescriptor:
    """Descriptors of faces by a recognition network.

    Args:
        path: `.keras` file of a network for square chips of a fixed size.

    Returns:
        A layer from FFHQ-aligned faces [B, S, S, 3] in [-1, 1] to float [B, D].

    Raises:
        UserError: the file cannot be read, or takes other inputs.
    """
    network = load_network(path)
    shape = getattr(network, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[1] is None:
        raise UserError(f"{path}: a network of one input [B, N, N, 3] is needed, it has {shape}")

    return FaceDescriptor(network, dtype="float32")


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
