"""Random shifts of what the discriminator sees ("translation" of DiffAugment, Zhao et al., 2020).

The discriminator pools by two, so its gradient at the restored face depends on whether a column is
an odd or an even one, and the generator learns a pattern of two pixels' period. Shifts average that
out; and where faces are few, they keep the discriminator from knowing them by heart.
"""

import tensorflow as tf


def random_shift(x: tf.Tensor, largest: int, step: tf.Tensor) -> tf.Tensor:
    """Pictures moved together by up to `largest` px along both axes, mirrored at their edges.

    Args:
        x: [B, H, W, C].
        largest: 0 leaves `x` as it is.
        step: integer; it alone says how far.
    """
    if not largest:
        return x
    seed = tf.stack([0, tf.cast(step, "int32")])
    corner = tf.random.stateless_uniform([2], seed, 0, 2 * largest + 1, "int32")
    sides = [0, 0], [largest, largest], [largest, largest], [0, 0]
    padded = tf.pad(x, sides, "SYMMETRIC")
    return tf.ensure_shape(tf.slice(padded, [0, *tf.unstack(corner), 0], tf.shape(x)), x.shape)
