"""PSFR-GAN as a Keras model: training step (paper section 3.3), inference, saving."""

import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from psfr_tf.training import psfrgan_config
from psfr_tf.training.adam import Adam
from psfr_tf.training.batches import lq_of
from psfr_tf.training.trainer import prepared
from psfr_tf.training.training_step import TrainingStep

_STEERING = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


@keras.saving.register_keras_serializable(package="psfr_tf")
class PSFRGAN(TrainingStep):
    """Generator, discriminator, face parsing network and losses: ``fit``, ``predict``, ``save``.

    One step makes one forward pass of the generator, with the parsing map that the frozen face
    parsing network predicts from LQ. The discriminator and the style loss see the parsing map of
    HQ. The generator is updated before the discriminator; the discriminator's features of HQ
    serve its own loss and, without gradient, feature matching.

    Batches of ``fit`` and ``evaluate`` are dicts with ``lq`` and ``hq`` (floats [B, S, S, 3] in
    [-1, 1], RGB) and ``parsing`` (integer label map of HQ [B, S, S]), or tuples ``(lq, hq)`` or
    ``(lq, hq, parsing)``, of numpy or ``tf.data``. Without ``parsing``, the face parsing network
    makes the map from HQ.

    ``model(lq)`` and ``predict`` parse and restore: LQ [B, S, S, 3] to float32 [B, S, S, 3], not
    clipped, by the averaged generator if an average is kept.

    Args:
        generator: ``generator([lq, parsing]) -> restored``.
        discriminator: multi-scale discriminator; None with ``adversarial_weight=0``.
        parsing_network: ``parsing_network(lq) -> {"logits": ...}``, kept frozen.
        style_features: maps images [B, S, S, 3] in [-1, 1] to a list of feature maps; "fpn" for
            those of the face parsing network; None with ``style_weight=0`` and
            ``perceptual_weight=0``.
        form: "paper" or "release", see docs/paper_vs_release.md.
        pixel: "l1", "l2" or "psnr".
        pixel_weight, feature_matching_weight, adversarial_weight, style_weight, texture_weight,
            chroma_weight, perceptual_weight, identity_weight: weight of each term, at least 0; the
            last four are not the paper's. Without ``adversarial_weight`` the discriminator is not
            run.
        ema_half_life: half-life in images of the averaged generator; 0 keeps no average.
        descriptor: maps faces [B, S, S, 3] in [-1, 1] to descriptors [B, D]; None with
            ``identity_weight=0``.
        soft_parsing: whether the generator takes class probabilities in place of a one-hot map;
            None for what the generator says, or one-hot.
        extra_losses: by name, ``(function, weight)`` with ``function(restored, hq, batch)`` ->
            scalar; ``batch`` is the dict, with the labels in ``parsing``. Each is in the logs.

    Raises:
        ValueError: arguments that do not go together.

    Example:
        model = PSFRGAN.from_preset("psfr-mobile-256")
        model.compile(keras.optimizers.Adam(2e-5))
        model.fit(dataset, steps_per_epoch=100)
    """

    @classmethod
    def from_preset(
        cls, name_or_dir: str | os.PathLike, /, load_weights: bool = True, **kwargs: Any
    ) -> "PSFRGAN":
        """The networks of a preset or a model folder, with the losses of its configuration.

        Args:
            name_or_dir: a preset ("psfr-mobile-256"), a model folder or a run folder.
            load_weights: False gives random weights.
            **kwargs: arguments of the constructor in place of what the configuration says, also
                networks; and keys of its section `losses` (`style_features="FILE.keras"`,
                `style_layers`, `vgg_weights`, `identity_network`).

        Raises:
            UserError: no such preset or folder, a preset without weights, a file that is damaged
                or missing, or a wrong value.
            TypeError: unknown argument.
        """
        return psfrgan_config.from_preset(cls, name_or_dir, load_weights, kwargs)

    def save_to_preset(self, directory: str | os.PathLike) -> Path:
        """Write the model folder: the averaged generator, the other networks, the losses.

        Returns:
            The folder, for `from_preset`, `FaceRestorer.from_pretrained` and `psfr --weights`.

        Raises:
            UserError: the folder holds a LiteRT file of other weights, or cannot be written.
            ValueError: a network that Keras cannot load again.
        """
        return psfrgan_config.save(self, directory)

    def get_config(self) -> dict[str, Any]:
        return psfrgan_config.get_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None) -> "PSFRGAN":
        return cls(**psfrgan_config.arguments_of(config, custom_objects))

    def compile(
        self,
        optimizer: keras.Optimizer | str | None = None,
        d_optimizer: keras.Optimizer | str | None = None,
        metrics: Sequence[Any] | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool = False,
        g_optimizer: keras.Optimizer | str | None = None,
        **others: Any,
    ) -> None:
        """Set the optimizers; they are built here, so that a checkpoint can be restored.

        Args:
            optimizer: of the generator, an optimizer or its name; also called ``g_optimizer``.
                None for both: the paper's Adam, 1e-4 and for the discriminator 4e-4.
            d_optimizer: of the discriminator; needed where there is one.
            metrics: metrics, functions or names of Keras, of (HQ, restored) in [-1, 1]: of the
                trained generator in ``fit``, of the averaged one in validation.
            run_eagerly, steps_per_execution, jit_compile: as in Keras, but XLA is off unless asked
                for.

        Raises:
            ValueError: an argument of Keras that has no use here, or a missing optimizer.
        """
        _refuse(others)
        if optimizer is not None and g_optimizer is not None:
            raise ValueError("`optimizer` and `g_optimizer` are the same; give one of them.")
        optimizer = g_optimizer if optimizer is None else optimizer
        adversarial = self.discriminator is not None
        if optimizer is None and d_optimizer is None:
            optimizer = Adam(1e-4, beta_1=0.5)
            d_optimizer = Adam(4e-4, beta_1=0.5) if adversarial else None
        if optimizer is None:
            raise ValueError("The generator needs an `optimizer` beside the `d_optimizer`.")
        if adversarial and d_optimizer is None:
            raise ValueError("The discriminator needs a `d_optimizer`.")
        if d_optimizer is not None and not adversarial:
            raise ValueError(
                "There is no discriminator for a `d_optimizer`: `adversarial_weight` is 0."
            )
        if optimizer is d_optimizer and not isinstance(optimizer, str):
            raise ValueError("Each network needs an optimizer of its own.")
        self._asked = self._metrics_of(metrics)
        optimizer = prepared(keras.optimizers.get(optimizer), self.generator)
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=False,
        )
        self.d_optimizer = None
        if adversarial:
            self.d_optimizer = prepared(keras.optimizers.get(d_optimizer), self.discriminator)
        self._compiled_with = {
            "metrics": metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }

    def _metrics_of(self, given: Sequence[Any] | None) -> list[keras.metrics.Metric]:
        if given is not None and not isinstance(given, list | tuple):
            raise ValueError(f"`metrics` must be a list. Received: {given!r}")
        found = []
        for item in given or ():
            metric = keras.metrics.get(item)
            if not isinstance(metric, keras.metrics.Metric):
                name = getattr(metric, "__name__", type(metric).__name__)
                metric = keras.metrics.MeanMetricWrapper(metric, name=name)
            found.append(metric)
        names = [*self._running, *self._quality]
        for metric in found:
            if metric.name in names:
                raise ValueError(
                    f"`metrics`: {metric.name!r} is in the logs already; give it another name"
                )
            names.append(metric.name)
        return found

    def get_compile_config(self) -> dict[str, Any]:
        if not self.compiled:
            return {}
        described = {"optimizer": self.optimizer, "d_optimizer": self.d_optimizer}
        return keras.saving.serialize_keras_object({**described, **self._compiled_with})

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))

    def fit(self, *args: Any, **kwargs: Any):
        """As ``keras.Model.fit``; callbacks of the learning rate steer the generator's."""
        given = inspect.signature(super().fit).bind(*args, **kwargs).arguments.get("callbacks")
        given = getattr(given, "callbacks", given) or []
        for callback in given if isinstance(given, list | tuple) else [given]:
            if isinstance(callback, _STEERING) and self.d_optimizer is not None:
                print(
                    f"{type(callback).__name__} steers the generator's optimizer "
                    "(model.optimizer); the discriminator's (model.d_optimizer) keeps its rate."
                )
        return super().fit(*args, **kwargs)

    def export(self, *args: Any, **kwargs: Any) -> None:
        """As ``keras.Model.export``: LQ [B, S, S, 3] in [-1, 1] to the restored face."""
        lq = keras.InputSpec("float32", (None, self.size, self.size, 3))
        kwargs.setdefault("input_signature", [lq])
        super().export(*args, **kwargs)

    def call(self, lq: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        generator = self.generator if training else self.ema_generator
        return generator([lq, self.predict_parsing(lq)], training=training)

    def predict_step(self, data: Any) -> tf.Tensor:
        return self(lq_of(data, self.size), training=False)


def _refuse(others: dict[str, Any]) -> None:
    """Arguments of ``keras.Model.compile`` that would do nothing."""
    for name in (name for name, value in others.items() if value is not None):
        if name in ("loss", "loss_weights"):
            raise ValueError(
                f"PSFRGAN takes no `{name}` in compile: its losses are arguments of the "
                "constructor, such as pixel_weight=10 and extra_losses={name: (function, weight)}."
            )
        if name == "weighted_metrics":
            raise ValueError("PSFRGAN takes no `weighted_metrics`: give `metrics`.")
        raise ValueError(f"PSFRGAN.compile has no argument `{name}`.")
