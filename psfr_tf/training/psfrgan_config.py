"""PSFRGAN from and to configurations: Keras' own, and that of a model folder."""

import inspect
import os
from pathlib import Path
from typing import Any

import keras

from psfr_tf import model_folder, network_folder
from psfr_tf.config_sections import LossConfig
from psfr_tf.errors import UserError, writing
from psfr_tf.model_folder import read_config
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator
from psfr_tf.models.presets import PRESETS
from psfr_tf.training.loss_terms import WEIGHTS
from psfr_tf.yaml_file import validated

_NETWORKS: dict[str, Any] = {
    "generator": Generator,
    "discriminator": MultiScaleDiscriminator,
    "parsing_network": FaceParsingNetwork,
}
_PLAIN = ("form", "pixel", "ema_half_life", "soft_parsing", *WEIGHTS)
_OWN_FEATURES = "given"  # as `style_features` of a folder: by a network that is not in it


def get_config(model) -> dict[str, Any]:
    """Arguments of the constructor, the networks as Keras describes them.

    Raises:
        ValueError: a function that Keras could not find again.
    """
    config = {name: getattr(model, name) for name in _PLAIN if name != "ema_half_life"}
    config["ema_half_life"] = model.average.half_life if model.average else 0.0
    for name in _NETWORKS:
        config[name] = _described(name, getattr(model, name))
    features = model.style_features
    is_fpn = getattr(features, "__self__", None) is model.parsing_network is not None
    config["style_features"] = "fpn" if is_fpn else _described("style_features", features)
    config["descriptor"] = _described("descriptor", model.descriptor)
    config["extra_losses"] = {
        name: [_described(f"extra_losses[{name!r}]", function), weight]
        for name, (function, weight) in model._extra.items()
    }
    return {**config, "name": model.name}


def arguments_of(config: dict[str, Any], custom_objects: dict | None = None) -> dict[str, Any]:
    """The constructor's arguments from `get_config`."""

    def made(described: Any) -> Any:
        if not isinstance(described, dict):
            return described
        return keras.saving.deserialize_keras_object(described, custom_objects)

    arguments = {key: made(value) for key, value in config.items() if key != "extra_losses"}
    arguments["extra_losses"] = {
        name: (made(function), weight)
        for name, (function, weight) in config.get("extra_losses", {}).items()
    }
    return arguments


def _described(argument: str, value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, keras.layers.Layer):
        name = keras.saving.get_registered_name(value) if hasattr(value, "__name__") else ""
        if keras.saving.get_registered_object(name) is not value:
            raise ValueError(
                f"`{argument}` is a plain function and could not be loaded again: put "
                "@keras.saving.register_keras_serializable() before it, or give a Keras model."
            )
    return keras.saving.serialize_keras_object(value)


def from_preset(
    kind: Any, preset: str | os.PathLike, load_weights: bool, given: dict[str, Any]
) -> Any:
    """See `PSFRGAN.from_preset`."""
    from psfr_tf.training.build import descriptor_of, style_features_of

    known = set(inspect.signature(kind.__init__).parameters) - {"self", "kwargs"}
    for name in given:
        if name not in known | set(LossConfig.model_fields) | {"name"}:
            raise TypeError(f"{kind.__name__}.from_preset has no argument {name!r}")
    losses = _losses(preset, load_weights, given)
    networks: dict[str, Any] = {}
    if given.get("discriminator") is not None and not losses.adversarial_weight:
        raise ValueError("A `discriminator` needs `adversarial_weight` above 0.")
    for name, network in _NETWORKS.items():
        if name == "discriminator" and not losses.adversarial_weight:
            networks[name] = None
        elif name in given:
            networks[name] = given[name]
        else:
            networks[name] = network.from_preset(preset, load_weights=load_weights)
    arguments = losses.model_dump(include={"form", "pixel", *WEIGHTS})
    try:
        if "style_features" not in given or isinstance(given["style_features"], str):
            features = style_features_of(losses, networks["parsing_network"])
            arguments["style_features"] = features
        if "descriptor" not in given:
            arguments["descriptor"] = descriptor_of(losses)
    except UserError as error:
        raise UserError(
            f"{preset}: a network of its losses: {error}; give another, or set its weight "
            "(style_weight, perceptual_weight, identity_weight) to 0"
        ) from None
    own = {name: value for name, value in given.items() if name in known | {"name"}}
    if isinstance(own.get("style_features"), str):
        del own["style_features"]
    return kind(**{**arguments, **own, **networks})


def _losses(preset: str | os.PathLike, load_weights: bool, given: dict[str, Any]) -> LossConfig:
    """Section `losses` of the preset's or folder's configuration, with what is given in place."""
    values = {}
    if load_weights or str(preset) not in PRESETS:
        path = network_folder.find(preset)
        config = read_config(path)
        values = config.get("losses") or config.get("provenance", {}).get("config", {}).get(
            "losses"
        )
        values = values or PRESETS.get(str(config.get("preset")), {}).get("losses", {})
    else:
        values = PRESETS[str(preset)].get("losses", {})
    values = {**values, **{k: v for k, v in given.items() if k in LossConfig.model_fields}}
    if not values.get("adversarial_weight", 1.0) and "feature_matching_weight" not in given:
        values["feature_matching_weight"] = 0.0
    features = values.get("style_features")
    needed = any(values.get(name, 1) for name in ("style_weight", "perceptual_weight"))
    if features == _OWN_FEATURES and needed:
        raise UserError(
            f"{preset}: its style_features are not in the folder: give style_features=..., or "
            "style_weight=0 and perceptual_weight=0"
        )
    if (features is not None and not isinstance(features, str)) or features == _OWN_FEATURES:
        values["style_features"] = "fpn"  # replaced by what is given
    if given.get("descriptor") is not None:
        values["identity_network"] = "given.keras"
    losses = validated(LossConfig, values, str(preset))
    if losses.needs_features and losses.style_features == "vgg" and not losses.vgg_weights:
        raise UserError(
            f"{preset}: its style loss needs a VGG19: give vgg_weights=FILE, or "
            'vgg_weights="imagenet" to download it, or style_features="fpn"'
        )
    return losses


def save(model, directory: str | os.PathLike) -> Path:
    """See `PSFRGAN.save_to_preset`."""
    directory = Path(directory)
    network_folder.refuse_ready_files(directory)
    losses = {name: getattr(model, name) for name in ("form", "pixel", *WEIGHTS)}
    features = model.style_features
    is_fpn = getattr(features, "__self__", None) is model.parsing_network is not None
    losses["style_features"] = "none" if features is None else "fpn" if is_fpn else _OWN_FEATURES
    with writing(directory):
        return model_folder.save_model_folder(
            directory,
            model.ema_generator,
            model.parsing_network,
            model.discriminator,
            losses=losses,
        )
