"""PSFR-GAN's steps of training and validation (paper section 3.3)."""

from typing import Any

import keras
import tensorflow as tf

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.training.batches import batch_of
from psfr_tf.training.loss_terms import LossTerms
from psfr_tf.training.trainer import scale


def to_unit(images: tf.Tensor) -> tf.Tensor:
    """[-1, 1] to float32 [0, 1], clipped."""
    return tf.clip_by_value(0.5 * (tf.cast(images, "float32") + 1.0), 0.0, 1.0)


class TrainingStep(LossTerms):
    """What `PSFRGAN` does in a step; it documents the arguments."""

    @property
    def ema_generator(self) -> keras.Model:
        """The averaged generator, or the trained one where no average is kept."""
        return self.average.network if self.average else self.generator

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [*self._running.values(), *self._quality.values(), *self._asked]

    def predict_parsing(self, lq: tf.Tensor) -> tf.Tensor:
        """The map [B, S, S, 19] that the frozen network predicts for the generator, no gradient."""
        logits = self.parsing_network(lq, training=False)
        if isinstance(logits, dict):  # The image that it draws too is not used.
            logits = logits["logits"]
        if self.soft_parsing:
            return tf.nn.softmax(logits)
        # argmax, not "equal to the maximum": bfloat16 logits often tie.
        return tf.one_hot(tf.argmax(logits, axis=-1), NUM_CLASSES)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step, in stages, each of which ends with a gradient and frees what it kept.

        The terms of the generator's loss are differentiated one after the other with respect to
        the restored image; one pass through the generator then takes the sum of these gradients.
        """
        batch = batch_of(data, self.size)
        lq, hq = batch["lq"], batch["hq"]
        labels = self._labels(batch)
        parsing_hq = tf.one_hot(labels, NUM_CLASSES, dtype=hq.dtype)
        terms, real, d_gradients = {}, None, []
        if self.discriminator is not None:
            terms, real, d_gradients = self.discriminator_stage(hq, parsing_hq, real=True)

        with tf.control_dependencies(d_gradients):
            lq = tf.identity(lq)
        parsing_lq = self.predict_parsing(lq)
        with tf.GradientTape() as g_tape:
            restored = self.generator([lq, parsing_lq], training=True)
        if self.discriminator is not None:
            image = tf.stop_gradient(restored)
            d_terms, _, gradients = self.discriminator_stage(image, parsing_hq, real=False)
            d_terms["adversarial_d"] += terms["adversarial_d"]
            terms |= d_terms
            d_gradients = [one + other for one, other in zip(d_gradients, gradients, strict=True)]
        loss, gradient = 0.0, tf.zeros_like(restored)
        batch = {**batch, "parsing": labels}
        for stage in self.generator_stages(batch, labels, parsing_hq, real):
            with tf.control_dependencies([gradient, *d_gradients]):
                image = tf.identity(restored)
            with tf.GradientTape() as tape:
                tape.watch(image)
                stage_terms = stage(image)
                stage_loss = tf.add_n(list(stage_terms.values()))
                scaled = scale(stage_loss, self.optimizer)
            gradient += tape.gradient(scaled, image, unconnected_gradients="zero")
            terms |= stage_terms
            loss += stage_loss
        terms["loss_g"] = loss

        g_gradients = g_tape.gradient(
            restored, self.generator.trainable_variables, output_gradients=gradient
        )
        self._descend(g_gradients, self.generator, self.optimizer, "gradient_norm_g")
        if self.discriminator is not None:
            self._descend(d_gradients, self.discriminator, self.d_optimizer, "gradient_norm_d")
        self._count(batch)
        for name, value in terms.items():
            self._running[name].update_state(value)
        for metric in self._asked:
            metric.update_state(hq, restored)
        return {m.name: m.result() for m in (*self._running.values(), *self._asked)}

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """PSNR (dB) and SSIM of the averaged generator's output against HQ, in [0, 1]."""
        batch = batch_of(data, self.size)
        lq, hq = batch["lq"], batch["hq"]
        restored = self.ema_generator([lq, self.predict_parsing(lq)], training=False)
        for metric in self._asked:
            metric.update_state(hq, restored)
        hq, restored = to_unit(hq), to_unit(restored)
        self._quality["psnr"].update_state(tf.image.psnr(restored, hq, 1.0))
        self._quality["ssim"].update_state(tf.image.ssim(restored, hq, 1.0))
        return {m.name: m.result() for m in (*self._quality.values(), *self._asked)}

    def show(self, lq: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Predicted label map [B, S, S] and restored image [B, S, S, 3] in [-1, 1]."""
        parsing = self.predict_parsing(lq)
        return tf.argmax(parsing, -1), self.ema_generator([lq, parsing], training=False)

    def _labels(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The label map of HQ, int32 [B, S, S]."""
        if "parsing" in batch:
            return batch["parsing"]
        logits = self.parsing_network(batch["hq"], training=False)
        logits = logits["logits"] if isinstance(logits, dict) else logits
        return tf.argmax(logits, axis=-1, output_type="int32")
