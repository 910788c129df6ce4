"""Bicubic reduction of the generator's reference to the size of each of its scales."""

import numpy as np
from keras import ops

# Keys' cubic with a = -0.75 at the distances 1.5, 0.5, 0.5, 1.5. A reduction by an even factor
# always samples half-way between two pixels, so these four taps serve every factor here.
BICUBIC_TAPS = np.array([-0.09375, 0.59375, 0.59375, -0.09375], dtype=np.float32)


def bicubic_downsample(images, factor: int):
    """Bicubic reduction, a = -0.75, half-pixel centers, no antialiasing, clamped edge.

    Equals PyTorch's `interpolate(mode="bicubic", align_corners=False)` for these factors;
    `tf.image.resize` uses a = -0.5 and does not.

    Args:
        images: float [B, H, W, C]; H and W divisible by `factor`.
        factor: 1 or an even int.

    Returns:
        float [B, H / factor, W / factor, C], of the input's dtype.

    Raises:
        ValueError: if `factor` is neither 1 nor even.
    """
    if factor == 1:
        return images
    if factor < 1 or factor % 2:
        raise ValueError(f"`factor` must be 1 or even. Received: factor={factor}")
    if factor == 2:
        # Only here do the outer taps leave the picture.
        x = ops.concatenate([images[:, :1], images, images[:, -1:]], axis=1)
        x = ops.concatenate([x[:, :, :1], x, x[:, :, -1:]], axis=2)
    else:
        offset = factor // 2 - 2
        x = images[:, offset:, offset:] if offset else images
    channels = images.shape[-1]
    taps = np.outer(BICUBIC_TAPS, BICUBIC_TAPS)[:, :, None, None]
    kernel = ops.convert_to_tensor(np.repeat(taps, channels, axis=2), dtype=x.dtype)
    return ops.depthwise_conv(x, kernel, strides=factor, padding="valid")
