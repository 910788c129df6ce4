"""Training of the face parsing network (paper section 3.2) for the TensorFlow backend."""

from typing import Any

import keras
import tensorflow as tf

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.losses import pixel_loss
from psfr_tf.training.distribution import synchronize_batch_norm
from psfr_tf.training.trainer import Trainer, prepared, scale


class PresentClassIoU(keras.metrics.Metric):
    """Mean intersection over union of the classes that occur in the true label maps.

    Sums a confusion matrix over all images; the result is a float32 scalar in [0, 1].
    """

    def __init__(self, num_classes: int = NUM_CLASSES, name: str = "miou", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.confusion = self.add_weight(
            name="confusion", shape=(num_classes, num_classes), initializer="zeros"
        )

    def update_state(self, true: Any, predicted: Any, sample_weight: Any = None) -> None:
        """Add label maps of equal shape, integers in [0, num_classes)."""
        pairs = tf.cast(true, "int32") * self.num_classes + tf.cast(predicted, "int32")
        counts = tf.math.bincount(tf.reshape(pairs, [-1]), minlength=self.num_classes**2)
        counts = tf.reshape(counts, (self.num_classes, self.num_classes))
        self.confusion.assign_add(tf.cast(counts, "float32"))

    def result(self) -> tf.Tensor:
        confusion = tf.convert_to_tensor(self.confusion)
        intersection = tf.linalg.diag_part(confusion)
        true = tf.reduce_sum(confusion, axis=1)
        union = true + tf.reduce_sum(confusion, axis=0) - intersection
        iou = tf.math.divide_no_nan(intersection, union)
        return tf.math.divide_no_nan(
            tf.reduce_sum(tf.where(true > 0, iou, 0.0)),
            tf.reduce_sum(tf.cast(true > 0, "float32")),
        )


class FaceParsingTrainer(Trainer):
    """Trains a face parsing network with cross entropy on the map and a pixel loss on the image.

    Args:
        parsing_network: ``parsing_network(lq) -> {"logits", "image"}``.
        pixel: "l1", "l2" or "psnr", error of ``image`` against HQ.
        pixel_weight: weight of the pixel loss.
        parsing_weight: weight of the cross entropy, which is a mean over pixels.
        ema_half_life: half-life in images of the averaged network; 0 keeps no average.
    """

    def __init__(
        self,
        parsing_network: keras.Model,
        pixel: str = "l2",
        pixel_weight: float = 10.0,
        parsing_weight: float = 1.0,
        ema_half_life: float = 0.0,
        **kwargs,
    ):
        super().__init__(parsing_network, ema_half_life, **kwargs)
        self.parsing_network = parsing_network
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            synchronize_batch_norm(parsing_network)
        self.pixel = pixel
        self.pixel_weight = pixel_weight
        self.parsing_weight = parsing_weight
        self._means("loss", "cross_entropy", "pixel")
        self._means("gradient_norm")
        self._accuracy = keras.metrics.Mean(name="accuracy")
        self._miou = PresentClassIoU()

    @property
    def ema_parsing_network(self) -> keras.Model:
        """The averaged network, or the trained one where no average is kept."""
        return self.average.network if self.average else self.parsing_network

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [*self._running.values(), self._accuracy, self._miou]

    def compile(self, optimizer: keras.Optimizer, **kwargs: Any) -> None:
        """Set and build the optimizer; XLA is off unless asked for."""
        kwargs.setdefault("jit_compile", False)
        optimizer = prepared(optimizer, self.parsing_network)
        super().compile(optimizer=optimizer, auto_scale_loss=False, **kwargs)

    def train_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        labels = tf.cast(data["parsing"], "int32")
        with tf.GradientTape() as tape:
            outputs = self.parsing_network(data["lq"], training=True)
            loss, terms = self._loss(outputs, data["hq"], labels)
            scaled = scale(loss, self.optimizer)
        gradients = tape.gradient(scaled, self.parsing_network.trainable_variables)
        self._descend(gradients, self.parsing_network, self.optimizer, "gradient_norm")
        self._count(data)
        logs = self._report(outputs, labels, terms)
        return {**logs, "gradient_norm": self._running["gradient_norm"].result()}

    def test_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The losses, pixel accuracy and mIoU of the averaged network."""
        labels = tf.cast(data["parsing"], "int32")
        outputs = self.ema_parsing_network(data["lq"], training=False)
        _, terms = self._loss(outputs, data["hq"], labels)
        return self._report(outputs, labels, terms)

    def show(self, lq: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Predicted label map [B, S, S] and image [B, S, S, 3] in [-1, 1]."""
        outputs = self.ema_parsing_network(lq, training=False)
        return tf.argmax(outputs["logits"], -1), outputs["image"]

    def _loss(self, outputs, hq, labels):
        logits = tf.cast(outputs["logits"], "float32")
        cross_entropy = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        )
        terms = {
            "cross_entropy": self.parsing_weight * cross_entropy,
            "pixel": self.pixel_weight * pixel_loss(outputs["image"], hq, self.pixel),
        }
        loss = terms["cross_entropy"] + terms["pixel"]
        return loss, {"loss": loss, **terms}

    def _report(self, outputs, labels, terms):
        predicted = tf.argmax(outputs["logits"], axis=-1, output_type="int32")
        updated = [self._accuracy, self._miou]
        faces = tf.shape(labels)[0]  # fewer in the last validation batch
        for name, value in terms.items():
            self._running[name].update_state(value, sample_weight=faces)
            updated.append(self._running[name])
        self._accuracy.update_state(tf.cast(predicted == labels, "float32"))
        self._miou.update_state(labels, predicted)
        return {metric.name: metric.result() for metric in updated}
