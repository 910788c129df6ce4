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
from psfr_tf.torch_file import read_checkpoint
from psfr_tf.weights_file import DamagedWeights, check_file

CONVOLUTIONS = (2, 2, 4, 4, 4)
CHANNELS = (64, 128, 256, 512, 512)
_MOST_NUMBERS = 150_000_000  # with its top layers it has 143.7 million
# (layer, whether ReLU is applied). The release taps the convolutions themselves, but the
# in-place ReLU that follows the first two changes what it stored; nothing follows the last.
LAYERS = {
    "paper": (("block3_conv1", True), ("block4_conv1", True), ("block5_conv1", True)),
    "release": (("block3_conv4", True), ("block4_conv4", True), ("block5_conv4", False)),
}
RELEASE_MINIMUM_SIZE = 224
WHERE = (
    "get vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5 from "
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/ or torchvision's "
    'vgg19-dcbb9e9d.pth, or set the option to "imagenet" to download it'
)


def layer_names() -> list[str]:
    """The 16 convolutions in order, named as in ``keras.applications.VGG19``."""
    return [
        f"block{block + 1}_conv{number + 1}"
        for block, count in enumerate(CONVOLUTIONS)
        for number in range(count)
    ]


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
        super().__init__(trainable=False, **kwargs)
        if form not in LAYERS:
            raise ValueError(f'`form` must be "paper" or "release". Received: form={form!r}')
        if preprocessing not in ("caffe", "torch"):
            raise ValueError(
                f'`preprocessing` must be "caffe" or "torch". Received: {preprocessing!r}'
            )
        self.form = form
        self.preprocessing = preprocessing
        wanted = dict(LAYERS[form])
        deepest = LAYERS[form][-1][0]

        images = keras.Input((None, None, 3))
        features, outputs = images, []
        block = None
        for name in layer_names():
            if block not in (None, name[:6]):
                features = keras.layers.MaxPooling2D(2, name=f"{block}_pool")(features)
            block = name[:6]
            convolution = keras.layers.Conv2D(
                CHANNELS[int(name[5]) - 1], 3, padding="same", name=name
            )(features)
            features = keras.layers.ReLU(name=f"{name}_relu")(convolution)
            if name in wanted:
                outputs.append(features if wanted[name] else convolution)
            if name == deepest:
                break
        self.network = keras.Model(images, outputs)
        self.network.trainable = False
        self.built = True

    def call(self, images: Any, training: bool | None = None) -> list[Any]:
        height, width = images.shape[1:3]
        if self.form == "release" and min(height, width) < RELEASE_MINIMUM_SIZE:
            size = (RELEASE_MINIMUM_SIZE, RELEASE_MINIMUM_SIZE)
            images = ops.image.resize(images, size, interpolation="bilinear")
        return self.network(preprocess(images, self.preprocessing), training=False)

    def get_config(self):
        config = super().get_config()
        config.update(form=self.form, preprocessing=self.preprocessing)
        return config


def preprocess(images: Any, preprocessing: str) -> Any:
    """RGB [-1, 1] to what the weights expect, in float32.

    "caffe": BGR in [0, 255] minus (103.939, 116.779, 123.68). "torch": RGB in [0, 1] minus
    (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225).
    """
    images = 0.5 * (ops.cast(images, "float32") + 1.0)
    if preprocessing == "torch":
        mean = np.array([0.485, 0.456, 0.406], "float32")
        deviation = np.array([0.229, 0.224, 0.225], "float32")
        return ops.divide(ops.subtract(images, mean), deviation)
    mean = np.array([103.939, 116.779, 123.68], "float32")
    return ops.subtract(ops.flip(images, axis=-1) * 255.0, mean)


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
    index = 0
    names = iter(layer_names())
    for count in CONVOLUTIONS:
        for _ in range(count):  # convolution, ReLU
            kernel = state.get(f"features.{index}.weight")
            bias = state.get(f"features.{index}.bias")
            tensors[next(names)] = (
                kernel if kernel is None or kernel.ndim != 4 else kernel.transpose(2, 3, 1, 0),
                bias,
            )
            index += 2
        index += 1  # max pooling
    return tensors
