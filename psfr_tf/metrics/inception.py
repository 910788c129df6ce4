"""The Inception network that FID is defined with."""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from psfr_tf.conversion.checkpoint import read_checkpoint
from psfr_tf.metrics.network_files import kernel, take

SIDE = 299
FEATURES = 2048

# Convolutions in the order in which Keras' InceptionV3 makes them, by their names in the file.
_A = "1x1 5x5_1 5x5_2 3x3dbl_1 3x3dbl_2 3x3dbl_3 _pool"
_B = "3x3 3x3dbl_1 3x3dbl_2 3x3dbl_3"
_C = "1x1 7x7_1 7x7_2 7x7_3 7x7dbl_1 7x7dbl_2 7x7dbl_3 7x7dbl_4 7x7dbl_5 _pool"
_D = "3x3_1 3x3_2 7x7x3_1 7x7x3_2 7x7x3_3 7x7x3_4"
_E = "1x1 3x3_1 3x3_2a 3x3_2b 3x3dbl_1 3x3dbl_2 3x3dbl_3a 3x3dbl_3b _pool"
_BLOCKS = {
    **dict.fromkeys(("5b", "5c", "5d"), _A),
    "6a": _B,
    **dict.fromkeys(("6b", "6c", "6d", "6e"), _C),
    "7a": _D,
    **dict.fromkeys(("7b", "7c"), _E),
}
_NAMES = [f"Conv2d_{name}" for name in ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3")] + [
    f"Mixed_{block}.branch{name}" for block, names in _BLOCKS.items() for name in names.split()
]


class FIDInception:
    """Inception v3 as TensorFlow's graph of 2015-12-05 has it, up to its last pooling.

    It differs from torchvision's Inception v3, whose average poolings count the padding, and from
    Keras', whose last block (Mixed_7c) pools by average and not by maximum. Pictures are brought
    to 299x299 bilinearly, without antialiasing and with half-pixel centers, as in pytorch-fid (the
    original has TensorFlow 1's resize, whose pixels are shifted).

    Args:
        path: `pt_inception-2015-12-05-6726825d.pth` of pytorch-fid.

    Raises:
        UserError: if the file cannot be read or has another layout.
    """

    def __init__(self, path: Path):
        state = read_checkpoint(path)
        published = keras.applications.InceptionV3(
            include_top=False, weights=None, input_shape=(SIDE, SIDE, 3), pooling="avg"
        )
        convolutions = _in_order(published, layers.Conv2D)
        norms = _in_order(published, layers.BatchNormalization)
        for name, convolution, norm in zip(_NAMES, convolutions, norms, strict=True):
            shape = convolution.kernel.shape
            scale, shift, mean, variance = (
                take(state, f"{name}.bn.{part}", shape[-1:], path)
                for part in ("weight", "bias", "running_mean", "running_var")
            )
            # Keras' norm has no scale.
            weight = kernel(state, f"{name}.conv.weight", shape, path)
            convolution.set_weights([weight * scale])
            norm.set_weights([shift, mean * scale, variance])
        last = _in_order(published, layers.AveragePooling2D)[-1]
        maximum = layers.MaxPooling2D(3, 1, padding="same")
        self._network = keras.models.clone_model(
            published, clone_function=lambda layer: maximum if layer is last else layer
        )

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


def _in_order(network: keras.Model, kind: type) -> list:
    """Layers of one kind, as they were made: Keras numbers their names."""
    found = [layer for layer in network.layers if type(layer) is kind]
    return sorted(found, key=lambda layer: (len(layer.name), layer.name))
