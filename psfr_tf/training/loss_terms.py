"""The terms of PSFR-GAN's loss (paper section 3.3), weighted, and the arguments that they take."""

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import keras
import tensorflow as tf

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
from psfr_tf.losses.reconstruction import KINDS
from psfr_tf.models.own_network import image_size
from psfr_tf.training.trainer import Trainer, scale

ExtraLosses = Mapping[str, tuple[Callable, float]]
WEIGHTS = (
    "pixel_weight",
    "feature_matching_weight",
    "adversarial_weight",
    "style_weight",
    "texture_weight",
    "chroma_weight",
    "perceptual_weight",
    "identity_weight",
)


class LossTerms(Trainer):
    """Networks and losses of `PSFRGAN`, which documents the arguments."""

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model | None,
        parsing_network: Callable,
        style_features: Callable | str | None = None,
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
        soft_parsing: bool | None = None,
        extra_losses: ExtraLosses | None = None,
        **kwargs,
    ):
        given = locals()
        # Under mixed precision each network has its own policy; the inputs stay float32.
        super().__init__(generator, ema_half_life, dtype="float32", **kwargs)
        check_form(form)
        if pixel not in KINDS:
            raise ValueError(f"`pixel` must be one of {', '.join(KINDS)}. Received: {pixel!r}")
        for name in WEIGHTS:
            _check_weight(name, given[name])
            setattr(self, name, float(given[name]))
        if self.adversarial_weight and discriminator is None:
            raise ValueError("`adversarial_weight` above 0 needs a `discriminator`.")
        if self.feature_matching_weight and not self.adversarial_weight:
            raise ValueError("`feature_matching_weight` needs `adversarial_weight` above 0.")
        if (self.style_weight or self.perceptual_weight) and style_features is None:
            raise ValueError(
                "`style_weight` and `perceptual_weight` above 0 need `style_features`."
            )
        if self.identity_weight and descriptor is None:
            raise ValueError("`identity_weight` above 0 needs a `descriptor`.")
        self.generator = generator
        self.discriminator: Any = discriminator if self.adversarial_weight else None
        self.parsing_network = parsing_network
        if isinstance(parsing_network, keras.Model):
            parsing_network.trainable = False
        if style_features == "fpn":
            style_features = cast(Any, parsing_network).encode
        self.style_features = cast(Callable, style_features)
        self.descriptor = descriptor
        self.form = form
        self.pixel = pixel
        self._means("loss_g", "pixel", "gradient_norm_g")
        for name in ("chroma", "style", "texture", "perceptual", "identity", "feature_matching"):
            if getattr(self, f"{name}_weight"):
                self._means(name)
        if self.discriminator is not None:
            self._means("adversarial_g", "adversarial_d", "gradient_norm_d")
            for number in range(self.discriminator.num_scales):  # 0 is the full size
                self._means(f"score_real_{number}", f"score_fake_{number}")
        self._extra = _checked_extra_losses(extra_losses or {}, set(self._running))
        self._means(*self._extra)
        self.soft_parsing = _agreed_soft_parsing(generator, soft_parsing)
        self.size = image_size(generator)
        self._quality = {name: keras.metrics.Mean(name=name) for name in ("psnr", "ssim")}
        self._asked: list[keras.metrics.Metric] = []  # of compile
        self.d_optimizer = None
        self.jit_compile = False  # Keras' own choice would compile `predict` with XLA.

    def generator_stages(self, batch: dict[str, tf.Tensor], labels, parsing_hq, real) -> list:
        """Functions from the restored image to terms of the generator's loss, by name."""
        hq = batch["hq"]
        stages = [lambda image: self._pixel_terms(image, hq)]
        if self.style_weight or self.perceptual_weight:
            stages.append(lambda image: self._feature_terms(image, hq, labels))
        if self.identity_weight:
            stages.append(lambda image: self._identity_terms(image, hq))
        if self.texture_weight:
            stages.append(lambda image: self._texture_terms(image, hq, labels))
        if self._extra:
            stages.append(lambda image: self._extra_terms(image, batch))
        if self.discriminator is not None:
            stages.append(lambda image: self._adversarial_terms(image, parsing_hq, real))
        return stages

    def discriminator_stage(self, image, parsing_hq, real: bool):
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
        # A Keras model of one output gives it bare, not in a list.
        fake, real = (keras.tree.flatten(self.style_features(each)) for each in (image, hq))
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

    def _extra_terms(self, image, batch):
        terms = {}
        for name, (function, weight) in self._extra.items():
            loss = tf.cast(tf.convert_to_tensor(function(image, batch["hq"], batch)), "float32")
            if loss.shape.rank != 0:
                raise ValueError(
                    f"extra_losses: {name!r} must return one number, the mean over the batch. "
                    f"Received: shape {loss.shape}"
                )
            terms[name] = weight * loss
        return terms

    def _adversarial_terms(self, image, parsing_hq, real_features):
        fake = self.discriminator(tf.concat([image, parsing_hq], -1), training=True)
        loss = generator_hinge_loss(_scores(fake), self.form)
        terms = {"adversarial_g": self.adversarial_weight * loss}
        if self.feature_matching_weight:
            loss = feature_matching_loss(_features(fake), real_features, self.form)
            terms["feature_matching"] = self.feature_matching_weight * loss
        return terms


def _agreed_soft_parsing(generator: keras.Model, given: bool | None) -> bool:
    own = getattr(generator, "soft_parsing", None)
    if given is None:
        return bool(own)
    if own is None:
        generator.soft_parsing = bool(given)  # A functional model: what it is trained with.
    elif bool(own) != bool(given):
        raise ValueError(
            f"`soft_parsing` is {given}, but the generator was made for soft_parsing={own}."
        )
    return bool(given)


def _check_weight(name: str, weight: Any) -> None:
    if not isinstance(weight, int | float) or not 0 <= weight < math.inf:
        raise ValueError(f"`{name}` must be a number of at least 0. Received: {weight!r}")


def _checked_extra_losses(given: ExtraLosses, taken: set[str]) -> dict[str, tuple[Callable, float]]:
    extra = {}
    for name, value in given.items():
        if not isinstance(value, tuple | list) or len(value) != 2 or not callable(value[0]):
            raise ValueError(
                f"extra_losses: {name!r} must be (function, weight) with function(restored, hq, "
                f"batch). Received: {value!r}"
            )
        if name in taken or name == "lq":
            raise ValueError(f"extra_losses: {name!r} is the name of another term")
        _check_weight(f"extra_losses[{name!r}]", value[1])
        extra[name] = (value[0], float(value[1]))
    return extra


def _scores(scales: list[dict[str, Any]]) -> list[tf.Tensor]:
    return [scale["score"] for scale in scales]


def _features(scales: list[dict[str, Any]]) -> list[list[tf.Tensor]]:
    return [scale["features"] for scale in scales]
