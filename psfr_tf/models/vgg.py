"""VGG19 features for the semantic-aware style loss.

The weights are not part of this project: give a local file, or ask for a download with
``"imagenet"``. Two file formats are read, and each brings the preprocessing its weights were
trained with: Keras files (.h5) expect BGR in [0, 255] minus the mean of ImageNet, torchvision
files (.pth) RGB in [0, 1] scaled by the mean and standard deviation of ImageNet.
"""

import os
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from psfr_tf.errors import UserError
from psfr_tf.models.pretrained import to_bytes_range
from psfr_tf.torch_file import read_checkpoint
from psfr_tf.weights_file import DamagedWeights, check_file

# Channels of the 16 convolutions in order, named as in `keras.applications.VGG19`.
CONVOLUTIONS = {
    f"block{block}_conv{number}": channels
    for block, count, channels in ((1, 2, 64), (2, 2, 128), (3, 4, 256), (4, 4, 512), (5, 4, 512))
    for number in range(1, count + 1)
}
# Their places in torchvision's `features`.
_PLACES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
_MOST_NUMBERS = 150_000_000  # with its top layers it has 143.7 million
# All after ReLU but the release's last: the release taps the convolutions themselves, but the
# in-place ReLU that follows the first two changes what it stored; nothing follows the last.
LAYERS = {
    "paper": ("block3_conv1", "block4_conv1", "block5_conv1"),
    "release": ("block3_conv4", "block4_conv4", "block5_conv4"),
}
RELEASE_MINIMUM_SIZE = 224
WHERE = (
    "get vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5 from "
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/ or torchvision's "
    'vgg19-dcbb9e9d.pth, or set the option to "imagenet" to download it'
)


@keras.saving.register_keras_serializable(package="psfr_tf")
class VGGFeatures(keras.Model):
    """Frozen VGG19 up to the deepest layer that ``form`` uses.

    Args:
        form: "paper" (relu3_1, relu4_1, relu5_1) or "release" (conv3_4 and conv4_4 after ReLU,
            conv5_4 before it; images smaller than 224 are enlarged to 224 first).
        preprocessing: "caffe" for Keras weights or "torch" for torchvision weights.

    Call with RGB images [B, H, W, 3] in [-1, 1]; returns three feature maps.
    """

    def __init__(self, form: str = "paper", preprocessing: str = "caffe", **kwargs):
        super().__init__(**kwargs)
        if form not in LAYERS:
            raise ValueError(f'`form` must be "paper" or "release". Received: form={form!r}')
        if preprocessing not in ("caffe", "torch"):
            raise ValueError(
                f'`preprocessing` must be "caffe" or "torch". Received: {preprocessing!r}'
            )
        self.form = form
        self.preprocessing = preprocessing
        images = keras.Input((None, None, 3))
        x, outputs = images, []
        for name, channels in CONVOLUTIONS.items():
            if name.endswith("conv1") and x is not images:
                x = keras.layers.MaxPooling2D(2)(x)
            activation = None if (form, name) == ("release", "block5_conv4") else "relu"
            x = keras.layers.Conv2D(channels, 3, 1, "same", activation=activation, name=name)(x)
            if name in LAYERS[form]:
                outputs.append(x)
            if name == LAYERS[form][-1]:
                break
        self.network = keras.Model(images, outputs)
        self.trainable = False
        self.built = True

    def call(self, images: Any, training: bool | None = None) -> list[Any]:
        height, width = images.shape[1:3]
        if self.form == "release" and min(height, width) < RELEASE_MINIMUM_SIZE:
            size = (RELEASE_MINIMUM_SIZE, RELEASE_MINIMUM_SIZE)
            images = ops.image.resize(images, size, interpolation="bilinear")
        pixels = keras.applications.imagenet_utils.preprocess_input(
            to_bytes_range(images), mode=self.preprocessing
        )
        return self.network(pixels, training=False)

    def get_config(self):
        config = super().get_config()
        config.update(form=self.form, preprocessing=self.preprocessing)
        return config


def load_vgg_features(weights: str | os.PathLike, form: str = "paper") -> VGGFeatures:
    """Build :class:`VGGFeatures` with weights.

    Args:
        weights: Keras .h5 file with or without the top layers, torchvision .pth state dict
            (needs torch), or "imagenet" to download Keras' file.
        form: "paper" or "release".

    Raises:
        UserError: the file is missing, unreadable, or not VGG19; or the download failed.
    """
    if str(weights) == "imagenet":
        weights = _download()
    check_vgg_weights(weights)
    path = Path(weights)
    torch_file = path.suffix in (".pth", ".pt")
    tensors = _read_torch(path) if torch_file else _read_h5(path)
    model = VGGFeatures(form, "torch" if torch_file else "caffe")
    for layer in model.network.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        for variable, tensor in zip(
            layer.weights, tensors.get(layer.name, (None, None)), strict=True
        ):
            if tensor is None or tensor.shape != tuple(variable.shape):
                found = "nothing" if tensor is None else str(tensor.shape)
                raise UserError(
                    f"{path}: not VGG19 weights: {layer.name}/{variable.name} should have shape "
                    f"{tuple(variable.shape)}, found {found}; {WHERE}"
                )
            if not np.isfinite(tensor).all():
                raise UserError(f"{path}: {layer.name} holds values that are not finite; {WHERE}")
            variable.assign(tensor)
    return model


def check_vgg_weights(weights: str | os.PathLike) -> None:
    """Raise ``UserError`` unless ``weights`` is "imagenet" or a file."""
    if str(weights) != "imagenet" and not Path(weights).is_file():
        raise UserError(f"{weights}: VGG19 weights not found; {WHERE}")


def _download() -> str:
    name = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    try:
        return keras.utils.get_file(
            name,
            f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{name}",
            cache_subdir="models",
            file_hash="253f8cb515780f3b799900260a226db6",
        )
    except Exception as error:  # get_file raises a bare Exception for network faults
        reason = " ".join(str(error).split())
        raise UserError(f"VGG19 weights could not be downloaded ({reason}); {WHERE}") from error


def _read_h5(path: Path) -> dict[str, tuple[np.ndarray | None, np.ndarray | None]]:
    """Kernel and bias of each convolution, from any of the layouts Keras has written."""
    import h5py

    tensors: dict[str, tuple] = {}

    def visit(name, item):
        match = re.search(r"block\d_conv\d", name)
        if match and isinstance(item, h5py.Dataset):
            kernel, bias = tensors.get(match[0], (None, None))
            array = item[()]
            kernel, bias = (array, bias) if array.ndim == 4 else (kernel, array)
            tensors[match[0]] = (kernel, bias)

    try:
        check_file(path, _MOST_NUMBERS)
        with h5py.File(path) as file:
            file.visititems(visit)
    except DamagedWeights as error:
        raise UserError(f"{path}: not VGG19 weights: {error}; {WHERE}") from None
    except Exception as error:  # h5py raises many types for a damaged file
        raise UserError(f"{path}: not an HDF5 file; {WHERE}") from error
    return tensors


def _read_torch(path: Path) -> dict[str, tuple[np.ndarray | None, np.ndarray | None]]:
    state = read_checkpoint(path)
    tensors = {}
    for name, place in zip(CONVOLUTIONS, _PLACES, strict=True):
        kernel = state.get(f"features.{place}.weight")
        if kernel is not None and kernel.ndim == 4:
            kernel = kernel.transpose(2, 3, 1, 0)
        tensors[name] = kernel, state.get(f"features.{place}.bias")
    return tensors
