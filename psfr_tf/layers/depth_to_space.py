"""Moving pixels between space and channels, in TensorFlow's channel order.

`keras.ops` has both from Keras 3.13 on, as single operations that LiteRT's delegates take whole.
Keras 3.12, the last for Python 3.10, gets the same values from reshape and transpose.
"""

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


# [B, H, W, C] -> [B, H * block_size, W * block_size, C / block_size**2]
depth_to_space = getattr(ops, "depth_to_space", _reshaped_depth_to_space)
# [B, H, W, C] -> [B, H / block_size, W / block_size, C * block_size**2]
space_to_depth = getattr(ops, "space_to_depth", _reshaped_space_to_depth)
