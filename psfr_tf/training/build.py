"""The networks, losses and optimizers that a config asks for."""

from typing import Any, cast

import keras

from psfr_tf.config import TrainConfig
from psfr_tf.config_sections import LossConfig
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator
from psfr_tf.models.presets import PRESETS
from psfr_tf.models.pretrained import load_descriptor, load_features
from psfr_tf.training import fine_tuning, initial_weights
from psfr_tf.training.adam import Adam
from psfr_tf.training.parsing_trainer import FaceParsingTrainer
from psfr_tf.training.psfrgan import PSFRGAN
from psfr_tf.training.schedule import LearningRate


def networks_of(config: TrainConfig) -> dict[str, keras.Model]:
    """The networks that the config needs, with random weights, under the current policy.

    Raises:
        UserError: the model to fine-tune cannot be used.
    """
    made_of = fine_tuning.architecture(config, PRESETS[config.preset]["size"])

    def network(name: str, kind: type[keras.Model], **arguments) -> keras.Model:
        if name in made_of:
            return kind(**made_of[name])
        return kind.from_preset(config.preset, load_weights=False, **arguments)

    networks: dict[str, keras.Model] = {}
    if config.model == "psfrgan":
        networks["generator"] = network("generator", Generator, parsing_input=config.parsing_input)
        if config.needs_discriminator:
            networks["discriminator"] = network("discriminator", MultiScaleDiscriminator)
    networks["parsing"] = network("parsing", FaceParsingNetwork)
    return networks


def build_model(config: TrainConfig, random_weights: bool = False) -> PSFRGAN | FaceParsingTrainer:
    """A compiled ``PSFRGAN`` or ``FaceParsingTrainer`` with its initial, or random, weights."""
    training, losses = config.training, config.losses
    networks = networks_of(config)
    if not random_weights:
        initial_weights.load(networks, config)
    if config.model == "fpn":
        model = FaceParsingTrainer(
            networks["parsing"],
            **losses.model_dump(include={"pixel", "pixel_weight", "parsing_weight"}),
            ema_half_life=training.ema_half_life,
        )
        model.compile(adam(training.lr, 0.9, config))
        return model
    weights = {name for name in type(losses).model_fields if name.endswith("_weight")}
    weights -= {"parsing_weight"}
    model = PSFRGAN(
        networks["generator"],
        networks.get("discriminator"),
        networks["parsing"],
        style_features_of(losses, networks["parsing"], random_weights),
        **losses.model_dump(include={"form", "pixel", *weights}),
        descriptor=descriptor_of(losses),
        ema_half_life=training.ema_half_life,
    )
    g_optimizer = adam(training.lr_g, 0.5, config)
    d_optimizer = adam(training.lr_d, 0.5, config) if config.needs_discriminator else None
    model.compile(g_optimizer, d_optimizer)
    return model


def adam(rate: float, beta_1: float, config: TrainConfig) -> Adam:
    """The optimizer of one network, with the schedule, clipping and accumulation of the config."""
    training = config.training
    accumulation = training.gradient_accumulation
    return Adam(
        LearningRate(rate, training.steps, training.lr_schedule, training.warmup_steps),
        beta_1=beta_1,
        global_clipnorm=training.clip_norm,
        gradient_accumulation_steps=accumulation if accumulation > 1 else None,
    )


def descriptor_of(losses: LossConfig) -> Any:
    """What `identity_network` names, None without `identity_weight`."""
    return load_descriptor(cast(str, losses.identity_network)) if losses.identity_weight else None


def style_features_of(
    losses: LossConfig, parsing_network: FaceParsingNetwork, random_weights: bool = False
) -> Any:
    """What `style_features` names, None if no term needs it."""
    if not losses.needs_features:
        return None
    if losses.style_features == "fpn":
        return parsing_network.encode
    if losses.style_features.endswith(".keras"):
        return load_features(losses.style_features, losses.style_layers)
    from psfr_tf.models.vgg import VGGFeatures, load_vgg_features

    if random_weights:
        return VGGFeatures(losses.form)
    return load_vgg_features(cast(str, losses.vgg_weights), losses.form)
