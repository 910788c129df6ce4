"""Moving pixels between space and channels, in TensorFlow's channel order.

`keras.ops` has both from Keras 3.13 on, as single operations that LiteRT's delegates take whole.
Keras 3.12, the last for Python 3.10, gets TensorFlow's own operations here; on other backends the
same values from reshape and transpose, over tensors of rank 6, which LiteRT's GPU delegates refuse.
"""

import importlib

import keras
from keras import ops


def _reshaped_depth_to_space(x, block_size: int):
    _, height, width, channels = x.shape
    out = channels // block_size**2
    x = ops.reshape(x, (-1, height, width, block_size, block_size, out))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height * block_size, width * block_size, out))


def _reshaped_space_to_depth(x, block_size: int):
    _, height, width, channels = x.shape
    height, width = height // block_size, width // block_size
    x = ops.reshape(x, (-1, height, block_size, width, block_size, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height, width, block_size**2 * channels))


class _Rearranged(keras.Operation):
    """One of the two, also for symbolic tensors, as an operation of `keras.ops` is."""

    def __init__(self, name: str, block_size: int) -> None:
        super().__init__()
        self._kind, self._block_size = name, block_size

    def call(self, x):
        if keras.backend.backend() == "tensorflow":
            # By name: the layers run without TensorFlow.
            return getattr(importlib.import_module("tensorflow").nn, self._kind)(
                x, self._block_size
            )
        return globals()[f"_reshaped_{self._kind}"](x, self._block_size)


def _older(name: str):
    return lambda x, block_size: _Rearranged(name, block_size)(x)


# [B, H, W, C] -> [B, H * block_size, W * block_size, C / block_size**2]
depth_to_space = getattr(ops, "depth_to_space", _older("depth_to_space"))
# [B, H, W, C] -> [B, H / block_size, W / block_size, C * block_size**2]
space_to_depth = getattr(ops, "space_to_depth", _older("space_to_depth"))
