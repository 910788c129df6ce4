"""What the training of the generator and of the face parsing network share."""

from typing import Any

import keras
import tensorflow as tf

from psfr_tf.training.distribution import DistributedSteps, sum_over_replicas
from psfr_tf.training.weight_average import WeightAverage


class Trainer(DistributedSteps):
    """A model that trains ``network`` with a ``train_step`` of its own and averages its weights.

    Batches are dicts with ``lq`` and ``hq`` (float32 [B, S, S, 3] in [-1, 1], RGB) and
    ``parsing`` (integer label map of HQ [B, S, S]).

    Args:
        network: the network that the run is for; its weights are averaged.
        ema_half_life: half-life of the average in images; 0 keeps none.

    Attributes:
        images_seen: int64 scalar, training images drawn so far.
        average: :class:`WeightAverage`, or None.
    """

    def __init__(self, network: keras.Model, ema_half_life: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.images_seen = self.add_weight(
            name="images_seen", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self.average = WeightAverage(network, ema_half_life) if ema_half_life else None
        self._running: dict[str, keras.metrics.Mean] = {}
        # The model itself is never called: without this, fit and saving try to build it.
        self.built = True

    def _means(self, *names: str) -> None:
        """Declare running means, reported by ``train_step`` under these names."""
        self._running |= {name: keras.metrics.Mean(name=name) for name in names}

    def _descend(
        self,
        gradients: list[tf.Tensor],
        network: keras.Model,
        optimizer: keras.Optimizer,
        name: str,
    ) -> None:
        """One step of ``optimizer`` on gradients of a scaled loss; ``name`` reports their norm."""
        gradients = sum_over_replicas(gradients)
        norm = tf.linalg.global_norm(gradients) / optimizer.scale_loss(tf.constant(1.0))
        weight = 1.0
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            # It tries scales that overflow and skips such a step: no fault of the run.
            weight = tf.cast(tf.math.is_finite(norm), "float32")
            norm = tf.math.multiply_no_nan(norm, weight)
        self._running[name].update_state(norm, sample_weight=weight)
        optimizer.apply(gradients, network.trainable_variables)

    def _count(self, data: dict[str, tf.Tensor]) -> None:
        """Count the images of a step and move the average."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        batch = tf.cast(tf.shape(data["lq"])[0] * replicas, "int64")
        self.images_seen.assign_add(batch)
        if self.average is not None:
            self.average.update(batch, self.images_seen)


def prepared(optimizer: keras.Optimizer, network: keras.Model) -> keras.Optimizer:
    """The optimizer, built for ``network``, so that a checkpoint can be restored.

    Wrapped in dynamic loss scaling where float16 gradients would underflow.
    """
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if keras.config.dtype_policy().name == "mixed_float16" and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(network.trainable_variables)
    return optimizer


def scale(loss: tf.Tensor, optimizer: keras.Optimizer) -> tf.Tensor:
    """Loss scaling for float16; gradients are summed over replicas, so the loss is divided."""
    return optimizer.scale_loss(loss) / tf.distribute.get_strategy().num_replicas_in_sync
