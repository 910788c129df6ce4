"""Single networks from presets and model folders, and into model folders."""

import os
from pathlib import Path
from typing import Any

import keras

from psfr_tf import files, model_folder
from psfr_tf.errors import UserError, writing
from psfr_tf.model_config import known_arguments
from psfr_tf.model_folder import CONFIG_FILE, FORMAT_VERSION, read_config
from psfr_tf.models.own_network import CLASSES, image_size
from psfr_tf.models.presets import PRESETS


class PresetError(UserError, ValueError):
    """An argument of `from_preset` or `save_to_preset`, in one line."""


def network_from_preset(
    kind: type[keras.Model], preset: str | os.PathLike, load_weights: bool, given: dict[str, Any]
) -> keras.Model:
    """See `psfr_tf.models.preset_network.PresetNetwork.from_preset`."""
    place = _place(kind)
    if not load_weights and str(preset) in PRESETS:
        return kind(**{**PRESETS[str(preset)][place], **given})
    path = find(preset)
    config = read_config(path)
    if place not in config["networks"]:
        raise PresetError(f"{path}: the model folder has no {place}.weights.h5")
    own = config.get("own_networks", {}).get(place)
    arguments = {**config["networks"][place]}
    if not load_weights:
        if own is None:
            return kind(**{**arguments, **given})
        from psfr_tf.models.own_network import build

        return _of_kind(build(arguments, own), kind, path, place)
    known = known_arguments(place)
    for name in set(given) & known:
        if _plain(given[name]) != arguments.get(name, given[name]):
            raise PresetError(
                f"`{name}` cannot be changed with load_weights=True: the weights of {preset} are "
                f"for {name}={arguments.get(name)}. Received: {name}={given[name]}"
            )
    if place == "generator":
        point = model_folder.operating_point(path, config, None)
        loaded = model_folder.load_generator(path, config, point)
    else:
        loaded = model_folder.load_network(path, config, place)
    plain_policy = keras.config.dtype_policy().name == "float32"
    if type(loaded) is kind and not given and plain_policy:
        return loaded
    if own is not None and not given and issubclass(type(loaded), kind):
        return loaded
    if not (isinstance(loaded, CLASSES[place]) and issubclass(kind, type(loaded))):
        return _of_kind(loaded, kind, path, place)
    network = kind(**{**arguments, **given})
    _copy_weights(loaded, network)
    return network


def find(preset: str | os.PathLike) -> Path:
    """The model folder of a preset or a path.

    Raises:
        PresetError: there is none, or the preset has no weights.
    """
    try:
        return model_folder.resolve(preset)
    except UserError as error:
        if str(preset) in PRESETS:
            raise PresetError(
                f"{preset} is a preset without weights: load_weights=False gives random ones, "
                "psfr convert makes a model folder of the published ones"
            ) from None
        if Path(preset).exists():
            raise PresetError(str(error)) from None
        raise PresetError(
            f"unknown preset {str(preset)!r}: there are {', '.join(PRESETS)}, or give a model "
            "folder"
        ) from None


def save_network(network: keras.Model, directory: str | os.PathLike) -> Path:
    """See `psfr_tf.models.preset_network.PresetNetwork.save_to_preset`."""
    directory, place = Path(directory), _place(type(network))
    size = image_size(network)
    config: dict[str, Any] = {"format_version": FORMAT_VERSION, "size": size, "networks": {}}
    if (directory / CONFIG_FILE).is_file():
        config = read_config(directory)
        if config["size"] != size:
            raise PresetError(
                f"{directory}: holds a model for images of {config['size']} px, this network is "
                f"for {size} px; choose another folder"
            )
    refuse_ready_files(directory)
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        model_folder.write_network(directory, config, place, network)
        if place == "generator" and config["networks"].pop("generator_faithful", None):
            # The other end of a mixture that this network is not part of.
            config.get("own_networks", {}).pop("generator_faithful", None)
            del config["default_fidelity"]
        files.write_json(directory / CONFIG_FILE, config)
    return directory


def refuse_ready_files(directory: Path) -> None:
    """Files that `psfr export` made of the weights that are there would be used in their place.

    Raises:
        PresetError: there is one.
    """
    for path in sorted([*directory.glob("*.tflite"), *directory.glob("*.onnx")]):
        raise PresetError(
            f"{path}: was made of the weights that are there now; delete it or choose another "
            "folder"
        )


def _place(kind: type[keras.Model]) -> str:
    return next(name for name, known in CLASSES.items() if issubclass(kind, known))


def _of_kind(network: keras.Model, kind: type, path: Path, place: str) -> keras.Model:
    if isinstance(network, kind):
        return network
    raise PresetError(
        f"{path}: its {place} network is a {type(network).__name__}, not a {kind.__name__}; "
        "psfr_tf.model_folder.load_model_folder loads it"
    )


def _plain(value: Any) -> Any:
    """As `config.json` has it."""
    if isinstance(value, dict):
        return {str(key): each for key, each in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _copy_weights(source: keras.Model, target: keras.Model) -> None:
    """The weights of the layers that both have, by the names of their attributes."""
    for name, value in vars(source).items():
        parts = value if isinstance(value, list) else [value]
        if name.startswith("_") or not all(isinstance(part, keras.layers.Layer) for part in parts):
            continue
        others = getattr(target, name)
        others = others if isinstance(others, list) else [others]
        for part, other in zip(parts, others, strict=True):
            other.set_weights(part.get_weights())
