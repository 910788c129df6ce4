"""PSFR-GAN's training step (paper section 3.3) for the TensorFlow backend."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.losses import (
    chroma_loss,
    feature_matching_loss,
    generator_hinge_loss,
    hinge_term,
    identity_loss,
    perceptual_loss,
    pixel_loss,
    semantic_style_loss,
    texture_loss,
)
from psfr_tf.losses.adversarial import check_form
from psfr_tf.training.trainer import Trainer, prepared, scale


def to_unit(images: tf.Tensor) -> tf.Tensor:
    """[-1, 1] to float32 [0, 1], clipped."""
    return tf.clip_by_value(0.5 * (tf.cast(images, "float32") + 1.0), 0.0, 1.0)


class PSFRGAN(Trainer):
    """Generator, discriminator and losses with a ``train_step`` for ``fit``.

    One step makes one forward pass of the generator, with the parsing map that the frozen face
    parsing network predicts from LQ. The discriminator and the style loss see the parsing map of
    HQ. The generator is updated before the discriminator; the discriminator's features of HQ
    serve its own loss and, without gradient, feature matching.

    Batches are dicts with ``lq`` and ``hq`` (float32 [B, S, S, 3] in [-1, 1], RGB) and
    ``parsing`` (integer label map of HQ [B, S, S]). Without ``parsing``, the face parsing network
    makes the map from HQ.

    Args:
        generator: ``generator([lq, parsing]) -> restored``.
        discriminator: multi-scale discriminator; None with ``adversarial_weight=0``.
        parsing_network: ``parsing_network(lq) -> {"logits": ...}``, kept frozen.
        style_features: maps images [B, S, S, 3] in [-1, 1] to a list of feature maps; None with
            ``style_weight=0`` and ``perceptual_weight=0``.
        form: "paper" or "release", see docs/paper_vs_release.md.
        pixel: "l1", "l2" or "psnr".
        pixel_weight, feature_matching_weight, adversarial_weight, style_weight, texture_weight,
            chroma_weight, perceptual_weight, identity_weight: weight of each term, at least 0; the
            last four are not the paper's. Without ``adversarial_weight`` the discriminator is not
            run.
        ema_half_life: half-life in images of the averaged generator; 0 keeps no average.
        descriptor: maps faces [B, S, S, 3] in [-1, 1] to descriptors [B, D]; None with
            ``identity_weight=0``.

    Example:
        model = PSFRGAN(Generator.from_preset("psfr-test-64", load_weights=False), ...)
        model.compile(Adam(1e-4, beta_1=0.5), Adam(4e-4, beta_1=0.5))
        model.fit(dataset, steps_per_epoch=100)
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model | None,
        parsing_network: Callable,
        style_features: Callable | None = None,
        form: str = "paper",
        pixel: str = "l2",
        pixel_weight: float = 10.0,
        feature_matching_weight: float = 10.0,
        adversarial_weight: float = 1.0,
        style_weight: float = 0.0,
        texture_weight: float = 0.0,
        chroma_weight: float = 0.0,
        ema_half_life: float = 0.0,
        perceptual_weight: float = 0.0,
        identity_weight: float = 0.0,
        descriptor: Callable | None = None,
        **kwargs,
    ):
        super().__init__(generator, ema_half_life, **kwargs)
        check_form(form)
        if adversarial_weight and discriminator is None:
            raise ValueError("`adversarial_weight` above 0 needs a `discriminator`.")
        if feature_matching_weight and not adversarial_weight:
            raise ValueError("`feature_matching_weight` needs `adversarial_weight` above 0.")
        if (style_weight or perceptual_weight) and style_features is None:
            raise ValueError(
                "`style_weight` and `perceptual_weight` above 0 need `style_features`."
            )
        if identity_weight and descriptor is None:
            raise ValueError("`identity_weight` above 0 needs a `descriptor`.")
        self.generator = generator
        self.discriminator = discriminator if adversarial_weight else None
        self.parsing_network = parsing_network
        if isinstance(parsing_network, keras.Model):
            parsing_network.trainable = False
        self.style_features = style_features
        self.soft_parsing = getattr(generator, "soft_parsing", False)
        self.form = form
        self.pixel = pixel
        self.pixel_weight = pixel_weight
        self.feature_matching_weight = feature_matching_weight
        self.adversarial_weight = adversarial_weight
        self.style_weight = style_weight
        self.texture_weight = texture_weight
        self.chroma_weight = chroma_weight
        self.perceptual_weight = perceptual_weight
        self.identity_weight = identity_weight
        self.descriptor = descriptor
        self._means("loss_g", "pixel", "gradient_norm_g")
        for name in ("chroma", "style", "texture", "perceptual", "identity", "feature_matching"):
            if getattr(self, f"{name}_weight"):
                self._means(name)
        if self.discriminator is not None:
            self._means("adversarial_g", "adversarial_d", "gradient_norm_d")
            for number in range(self.discriminator.num_scales):  # 0 is the full size
                self._means(f"score_real_{number}", f"score_fake_{number}")
        self._quality = {name: keras.metrics.Mean(name=name) for name in ("psnr", "ssim")}

    @property
    def ema_generator(self) -> keras.Model:
        """The averaged generator, or the trained one where no average is kept."""
        return self.average.network if self.average else self.generator

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [*self._running.values(), *self._quality.values()]

    def compile(
        self,
        g_optimizer: keras.Optimizer,
        d_optimizer: keras.Optimizer | None = None,
        **kwargs: Any,
    ) -> None:
        """Set the optimizers; they are built here, so that a checkpoint can be restored.

        Args:
            g_optimizer: for the generator.
            d_optimizer: for the discriminator; needed where there is one.
            **kwargs: passed to ``keras.Model.compile``; XLA is off unless asked for.
        """
        if self.discriminator is not None and d_optimizer is None:
            raise ValueError("The discriminator needs a `d_optimizer`.")
        kwargs.setdefault("jit_compile", False)
        g_optimizer = prepared(g_optimizer, self.generator)
        super().compile(optimizer=g_optimizer, auto_scale_loss=False, **kwargs)
        self.d_optimizer = None
        if self.discriminator is not None:
            self.d_optimizer = prepared(d_optimizer, self.discriminator)

    def predict_parsing(self, lq: tf.Tensor) -> tf.Tensor:
        """The map [B, S, S, 19] that the frozen network predicts for the generator, no gradient."""
        logits = self.parsing_network(lq, training=False)["logits"]
        if self.soft_parsing:
            return tf.nn.softmax(logits)
        # argmax, not "equal to the maximum": bfloat16 logits often tie.
        return tf.one_hot(tf.argmax(logits, axis=-1), NUM_CLASSES)

    def train_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step, in stages, each of which ends with a gradient and frees what it kept.

        The terms of the generator's loss are differentiated one after the other with respect to
        the restored image; one pass through the generator then takes the sum of these gradients.
        """
        lq, hq = data["lq"], data["hq"]
        labels = self._labels(data)
        parsing_hq = tf.one_hot(labels, NUM_CLASSES, dtype=hq.dtype)
        terms, real, d_gradients = {}, None, []
        if self.discriminator is not None:
            terms, real, d_gradients = self._discriminator_stage(hq, parsing_hq, real=True)

        with tf.control_dependencies(d_gradients):
            lq = tf.identity(lq)
        parsing_lq = self.predict_parsing(lq)
        with tf.GradientTape() as g_tape:
            restored = self.generator([lq, parsing_lq], training=True)
        if self.discriminator is not None:
            image = tf.stop_gradient(restored)
            d_terms, _, gradients = self._discriminator_stage(image, parsing_hq, real=False)
            d_terms["adversarial_d"] += terms["adversarial_d"]
            terms |= d_terms
            d_gradients = [one + other for one, other in zip(d_gradients, gradients, strict=True)]
        stages = [lambda image: self._pixel_terms(image, hq)]
        if self.style_weight or self.perceptual_weight:
            stages.append(lambda image: self._feature_terms(image, hq, labels))
        if self.identity_weight:
            stages.append(lambda image: self._identity_terms(image, hq))
        if self.texture_weight:
            stages.append(lambda image: self._texture_terms(image, hq, labels))
        if self.discriminator is not None:
            stages.append(lambda image: self._adversarial_terms(image, parsing_hq, real))
        loss, gradient = 0.0, tf.zeros_like(restored)
        for stage in stages:
            with tf.control_dependencies([gradient, *d_gradients]):
                image = tf.identity(restored)
            with tf.GradientTape() as tape:
                tape.watch(image)
                stage_terms = stage(image)
                stage_loss = tf.add_n(list(stage_terms.values()))
                scaled = scale(stage_loss, self.optimizer)
            gradient += tape.gradient(scaled, image)
            terms |= stage_terms
            loss += stage_loss
        terms["loss_g"] = loss

        g_gradients = g_tape.gradient(
            restored, self.generator.trainable_variables, output_gradients=gradient
        )
        self._descend(g_gradients, self.generator, self.optimizer, "gradient_norm_g")
        if self.discriminator is not None:
            self._descend(d_gradients, self.discriminator, self.d_optimizer, "gradient_norm_d")
        self._count(data)
        for name, value in terms.items():
            self._running[name].update_state(value)
        return {name: metric.result() for name, metric in self._running.items()}

    def test_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """PSNR (dB) and SSIM of the averaged generator's output against HQ, in [0, 1]."""
        lq, hq = data["lq"], to_unit(data["hq"])
        restored = to_unit(self.ema_generator([lq, self.predict_parsing(lq)], training=False))
        self._quality["psnr"].update_state(tf.image.psnr(restored, hq, 1.0))
        self._quality["ssim"].update_state(tf.image.ssim(restored, hq, 1.0))
        return {name: metric.result() for name, metric in self._quality.items()}

    def show(self, lq: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Predicted label map [B, S, S] and restored image [B, S, S, 3] in [-1, 1]."""
        parsing = self.predict_parsing(lq)
        return tf.argmax(parsing, -1), self.ema_generator([lq, parsing], training=False)

    def _labels(self, data):
        """The label map of HQ, int32 [B, S, S]."""
        if "parsing" in data:
            return tf.cast(data["parsing"], "int32")
        logits = self.parsing_network(data["hq"], training=False)["logits"]
        return tf.argmax(logits, axis=-1, output_type="int32")

    def _discriminator_stage(self, image, parsing_hq, real):
        """One side of D's loss and D's scores by name, D's features, gradients of D's weights.

        Each call of D is one power iteration: HQ goes first.
        """
        with tf.GradientTape() as tape:
            outputs = self.discriminator(tf.concat([image, parsing_hq], -1), training=True)
            loss = self.adversarial_weight * hinge_term(_scores(outputs), real, self.form)
            scaled = scale(loss, self.d_optimizer)
        kind = "real" if real else "fake"
        terms = {f"score_{kind}_{n}": score for n, score in enumerate(_scores(outputs))}
        gradients = tape.gradient(scaled, self.discriminator.trainable_variables)
        return {"adversarial_d": loss, **terms}, _features(outputs), gradients

    def _pixel_terms(self, image, hq):
        terms = {"pixel": self.pixel_weight * pixel_loss(image, hq, self.pixel)}
        if self.chroma_weight:
            terms["chroma"] = self.chroma_weight * chroma_loss(image, hq)
        return terms

    def _feature_terms(self, image, hq, labels):
        fake, real = self.style_features(image), self.style_features(hq)
        terms = {}
        if self.style_weight:
            loss = semantic_style_loss(fake, real, labels, self.form)
            terms["style"] = self.style_weight * loss
        if self.perceptual_weight:
            terms["perceptual"] = self.perceptual_weight * perceptual_loss(fake, real)
        return terms

    def _identity_terms(self, image, hq):
        loss = identity_loss(self.descriptor(image), self.descriptor(hq))
        return {"identity": self.identity_weight * loss}

    def _texture_terms(self, image, hq, labels):
        return {"texture": self.texture_weight * texture_loss(image, hq, labels)}

    def _adversarial_terms(self, image, parsing_hq, real_features):
        fake = self.discriminator(tf.concat([image, parsing_hq], -1), training=True)
        loss = generator_hinge_loss(_scores(fake), self.form)
        terms = {"adversarial_g": self.adversarial_weight * loss}
        if self.feature_matching_weight:
            loss = feature_matching_loss(_features(fake), real_features, self.form)
            terms["feature_matching"] = self.feature_matching_weight * loss
        return terms


def _scores(scales: list[dict[str, Any]]) -> list[tf.Tensor]:
    return [scale["score"] for scale in scales]


def _features(scales: list[dict[str, Any]]) -> list[list[tf.Tensor]]:
    return [scale["features"] for scale in scales]
