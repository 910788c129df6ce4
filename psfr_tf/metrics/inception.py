"""The Inception network that FID is defined with."""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from psfr_tf.conversion.checkpoint import read_checkpoint
from psfr_tf.metrics.network_files import take

SIDE = 299
FEATURES = 2048
BATCH_NORM_EPSILON = 1e-3


class FIDInception:
    """Inception v3 as TensorFlow's graph of 2015-12-05 has it, up to its last pooling.

    It differs from torchvision's (and Keras') Inception v3: average poolings do not count the
    padding, and the last block (Mixed_7c) pools by maximum. Pictures are brought to 299x299
    bilinearly, without antialiasing and with half-pixel centres, as in pytorch-fid (the original
    has TensorFlow 1's resize, whose pixels are shifted). Batch norms are folded into the
    convolutions.

    Args:
        path: `pt_inception-2015-12-05-6726825d.pth` of pytorch-fid.

    Raises:
        UserError: if the file cannot be read or has another layout.
    """

    def __init__(self, path: Path):
        self._state, self._path = read_checkpoint(path), path
        images = keras.Input((SIDE, SIDE, 3))
        self._network = keras.Model(images, self._body(images))
        del self._state

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of pictures.

        Args:
            images: uint8 RGB [B, H, W, 3].

        Returns:
            float32 [B, 2048].
        """
        x = ops.convert_to_tensor(images.astype(np.float32) / 255.0)
        x = ops.image.resize(x, (SIDE, SIDE), interpolation="bilinear", antialias=False)
        return ops.convert_to_numpy(self._network(2.0 * x - 1.0, training=False))

    def _body(self, x):
        conv = self._conv
        x = conv(x, "Conv2d_1a_3x3", 32, 3, stride=2, padding="valid")
        x = conv(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
        x = conv(x, "Conv2d_2b_3x3", 64, 3)
        x = layers.MaxPooling2D(3, 2)(x)
        x = conv(x, "Conv2d_3b_1x1", 80, 1)
        x = conv(x, "Conv2d_4a_3x3", 192, 3, padding="valid")
        x = layers.MaxPooling2D(3, 2)(x)
        for name, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = self._block_35(x, name, pooled)
        x = self._reduction_17(x, "Mixed_6a")
        for name, middle in (
            ("Mixed_6b", 128),
            ("Mixed_6c", 160),
            ("Mixed_6d", 160),
            ("Mixed_6e", 192),
        ):
            x = self._block_17(x, name, middle)
        x = self._reduction_8(x, "Mixed_7a")
        x = self._block_8(x, "Mixed_7b", layers.AveragePooling2D)
        x = self._block_8(x, "Mixed_7c", layers.MaxPooling2D)
        return layers.GlobalAveragePooling2D()(x)

    def _block_35(self, x, name: str, pooled: int):
        a = self._conv(x, f"{name}.branch1x1", 64, 1)
        b = self._chain(x, name, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5))
        c = self._chain(
            x, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)
        )
        d = self._conv(_pool(x), f"{name}.branch_pool", pooled, 1)
        return layers.Concatenate()([a, b, c, d])

    def _reduction_17(self, x, name: str):
        a = self._conv(x, f"{name}.branch3x3", 384, 3, stride=2, padding="valid")
        b = self._chain(x, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3))
        b = self._conv(b, f"{name}.branch3x3dbl_3", 96, 3, stride=2, padding="valid")
        return layers.Concatenate()([a, b, layers.MaxPooling2D(3, 2)(x)])

    def _block_17(self, x, name: str, middle: int):
        row, column = (1, 7), (7, 1)
        a = self._conv(x, f"{name}.branch1x1", 192, 1)
        b = self._chain(
            x,
            name,
            ("branch7x7_1", middle, 1),
            ("branch7x7_2", middle, row),
            ("branch7x7_3", 192, column),
        )
        c = self._chain(
            x,
            name,
            ("branch7x7dbl_1", middle, 1),
            ("branch7x7dbl_2", middle, column),
            ("branch7x7dbl_3", middle, row),
            ("branch7x7dbl_4", middle, column),
            ("branch7x7dbl_5", 192, row),
        )
        d = self._conv(_pool(x), f"{name}.branch_pool", 192, 1)
        return layers.Concatenate()([a, b, c, d])

    def _reduction_8(self, x, name: str):
        a = self._conv(x, f"{name}.branch3x3_1", 192, 1)
        a = self._conv(a, f"{name}.branch3x3_2", 320, 3, stride=2, padding="valid")
        b = self._chain(
            x,
            name,
            ("branch7x7x3_1", 192, 1),
            ("branch7x7x3_2", 192, (1, 7)),
            ("branch7x7x3_3", 192, (7, 1)),
        )
        b = self._conv(b, f"{name}.branch7x7x3_4", 192, 3, stride=2, padding="valid")
        return layers.Concatenate()([a, b, layers.MaxPooling2D(3, 2)(x)])

    def _block_8(self, x, name: str, pooling):
        a = self._conv(x, f"{name}.branch1x1", 320, 1)
        b = self._conv(x, f"{name}.branch3x3_1", 384, 1)
        c = self._chain(x, name, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3))
        split = [
            self._conv(y, f"{name}.{branch}{letter}", 384, kernel)
            for y, branch in ((b, "branch3x3_2"), (c, "branch3x3dbl_3"))
            for letter, kernel in (("a", (1, 3)), ("b", (3, 1)))
        ]
        d = self._conv(_pool(x, pooling), f"{name}.branch_pool", 192, 1)
        return layers.Concatenate()([a, *split, d])

    def _chain(self, x, name: str, *convolutions):
        for branch, filters, kernel in convolutions:
            x = self._conv(x, f"{name}.{branch}", filters, kernel)
        return x

    def _conv(self, x, name: str, filters: int, kernel, stride: int = 1, padding: str = "same"):
        """Convolution, batch norm and ReLU."""
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        shape = (filters, x.shape[-1], height, width)
        weight = take(self._state, f"{name}.conv.weight", shape, self._path)
        scale, shift, mean, variance = (
            take(self._state, f"{name}.bn.{part}", (filters,), self._path).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
        layer = layers.Conv2D(filters, (height, width), stride, padding, activation="relu")
        x = layer(x)
        folded = weight.transpose(2, 3, 1, 0) * factor
        layer.set_weights([folded.astype(np.float32), (shift - mean * factor).astype(np.float32)])
        return x


def _pool(x, pooling=layers.AveragePooling2D):
    """3x3, stride 1; the padding counts neither in the average nor in the maximum."""
    return pooling(3, 1, padding="same")(x)
