"""Exponential moving average of a network's weights."""

import keras
import tensorflow as tf

RAMP_UP = 0.05


def copy_of(network: keras.Model) -> keras.Model:
    """A second, frozen network with the same configuration and weights."""
    copy = type(network).from_config(network.get_config())
    if not copy.built or len(copy.weights) != len(network.weights):
        raise ValueError(f"{type(network).__name__} must create its weights in its constructor.")
    for name in ("image_size", "soft_parsing"):  # of a functional model, as a folder has them
        if hasattr(network, name) and not hasattr(copy, name):
            setattr(copy, name, getattr(network, name))
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy


class WeightAverage:
    """Keeps ``network``, a moving average of the weights of ``source``.

    The decay per step is ``0.5 ** (batch / half_life)``, so it does not depend on the batch size.
    Early on the half-life is at most 5% of the images seen, so that the average does not carry
    the first random weights for long. Statistics of batch normalization are averaged as well;
    other state (the vectors u and v of spectral normalization) is copied.

    Args:
        source: the network that is trained.
        half_life: in images, above 0.
    """

    def __init__(self, source: keras.Model, half_life: float):
        if half_life <= 0:
            raise ValueError(f"`half_life` must be above 0. Received: {half_life}")
        self.network = copy_of(source)
        self.half_life = float(half_life)
        pairs = list(zip(source.weights, self.network.weights, strict=True))
        self._averaged = [pair for pair in pairs if _is_averaged(pair[0])]
        self._copied = [pair for pair in pairs if not _is_averaged(pair[0])]

    def update(self, batch: tf.Tensor, images_seen: tf.Tensor) -> None:
        """Move the average towards the source.

        Args:
            batch: integer scalar, images in this step.
            images_seen: integer scalar, images since the source's first step, this one included.
        """
        half_life = tf.minimum(self.half_life, RAMP_UP * tf.cast(images_seen, "float32"))
        step = 1.0 - 0.5 ** (tf.cast(batch, "float32") / half_life)
        for source, average in self._averaged:
            average.assign_add(step * (tf.convert_to_tensor(source) - average))
        for source, average in self._copied:
            average.assign(source)


def _is_averaged(variable: keras.Variable) -> bool:
    return variable.trainable or variable.name.startswith("moving_")
