"""Learned perceptual image patch similarity (LPIPS), Zhang et al. 2018, version 0.1."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from psfr_tf.conversion.checkpoint import read_checkpoint
from psfr_tf.metrics.metric import ImageMetric
from psfr_tf.metrics.network_files import (
    ALEXNET,
    LPIPS_ALEX,
    LPIPS_VGG,
    VGG16,
    NetworkFile,
    find,
    kernel,
    take,
)
from psfr_tf.pictures import normalize

# Of RGB in [-1, 1]; the paper's code normalizes so, with the statistics of ImageNet.
SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE = np.array([0.458, 0.448, 0.450], np.float32)
EPSILON = 1e-10


class Convolution(NamedTuple):
    """A convolution of torchvision's `features`, and the pooling before it."""

    place: int  # in torchvision's Sequential
    filters: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    pool: int = 0  # side of the max pooling with stride 2 before it, 0 for none
    tap: bool = False  # its ReLU is one of the layers compared


ALEXNET_LAYERS = (
    Convolution(0, 64, kernel=11, stride=4, padding=2, tap=True),
    Convolution(3, 192, kernel=5, padding=2, pool=3, tap=True),
    Convolution(6, 384, pool=3, tap=True),
    Convolution(8, 256, tap=True),
    Convolution(10, 256, tap=True),
)
# Index of the first convolution of each stage, filters, convolutions.
_VGG16 = ((0, 64, 2), (5, 128, 2), (10, 256, 3), (17, 512, 3), (24, 512, 3))
VGG16_LAYERS = tuple(
    Convolution(start + 2 * k, filters, pool=2 * (start > 0 and k == 0), tap=k == count - 1)
    for start, filters, count in _VGG16
    for k in range(count)
)


def feature_network(layers: Sequence[Convolution]) -> keras.Model:
    """The backbone up to the last layer compared.

    Input float32 [B, H, W, 3], normalized. Output: the feature maps after the ReLU of each tap.
    """
    images = keras.Input((None, None, 3))
    x, taps = images, []
    for layer in layers:
        if layer.pool:
            x = keras.layers.MaxPooling2D(layer.pool, 2)(x)
        x = keras.layers.ZeroPadding2D(layer.padding)(x)
        x = keras.layers.Conv2D(
            layer.filters, layer.kernel, layer.stride, activation="relu", name=f"conv{layer.place}"
        )(x)
        taps += [x] if layer.tap else []
    return keras.Model(images, taps)


class LPIPS(ImageMetric):
    """Weighted squared difference of normalized deep features of two pictures.

    At each of five layers the features are divided by their norm over the channels (plus 1e-10),
    the squared differences are weighted by a learned non-negative weight per channel and averaged
    over positions; the result is the sum over the layers. Networks in float32, the rest in
    float64. Pictures are compared at their own size.

    `lpips`, the authors' package, needs torch and torchvision; so this is Keras, and reads the
    published files: the backbone of torchvision and the linear heads of LPIPS v0.1 (reading
    `.pth` needs the extra `psfr_tf[torch]`).

    Args:
        folder: where the two files lie, under the names they are published with.

    Raises:
        UserError: if a file is missing or of another layout.
    """

    minimum_side = 32
    source = "Zhang et al., The Unreasonable Effectiveness of Deep Features, CVPR 2018"
    layers: Sequence[Convolution]
    backbone_file: NetworkFile
    heads_file: NetworkFile

    def __init__(self, folder: Path):
        backbone = find(self.backbone_file, folder)
        heads = find(self.heads_file, folder)
        self._network = feature_network(self.layers)
        state = read_checkpoint(backbone)
        for layer in self.layers:
            name, convolution = (
                f"features.{layer.place}",
                self._network.get_layer(f"conv{layer.place}"),
            )
            weight = kernel(state, f"{name}.weight", convolution.kernel.shape, backbone)
            bias = take(state, f"{name}.bias", (layer.filters,), backbone)
            convolution.set_weights([weight, bias])
        state = read_checkpoint(heads)
        taps = [layer.filters for layer in self.layers if layer.tap]
        self._heads = [
            take(state, f"lin{k}.model.1.weight", (1, count, 1, 1), heads).ravel()
            for k, count in enumerate(taps)
        ]

    def _compare(self, images: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
        pixels = normalize(np.stack([reference, *images]))
        features = self._network((pixels - SHIFT) / SCALE, training=False)
        distances = np.zeros(len(images))
        for maps, weights in zip(features, self._heads, strict=True):
            maps = keras.ops.convert_to_numpy(maps)
            expected = _normalized(maps[0])
            for index, found in enumerate(maps[1:]):
                squares = np.square(_normalized(found) - expected)
                distances[index] += squares.mean(axis=(0, 1)) @ weights
        return distances.tolist()


def _normalized(maps: np.ndarray) -> np.ndarray:
    maps = maps.astype(np.float64)
    return maps / (np.linalg.norm(maps, axis=-1, keepdims=True) + EPSILON)


class LPIPSAlex(LPIPS):
    """LPIPS with AlexNet, the variant that papers report for distances; see :class:`LPIPS`."""

    name, label = "lpips_alex", "LPIPS (AlexNet)"
    layers = ALEXNET_LAYERS
    backbone_file = ALEXNET
    heads_file = LPIPS_ALEX


class LPIPSVGG(LPIPS):
    """LPIPS with VGG16; see :class:`LPIPS`."""

    name, label = "lpips_vgg", "LPIPS (VGG16)"
    layers = VGG16_LAYERS
    backbone_file = VGG16
    heads_file = LPIPS_VGG
