"""Networks of a user's own class, and functional models, as entries of a model folder.

A network of this package is stored as the arguments of its constructor. Any other is stored as
Keras stores it, beside the few arguments that the rest of the package asks for. Only classes that
are registered with Keras when the folder is read are built: a folder imports no module.
"""

import copy
import sys
from pathlib import Path
from typing import Any

import keras

from psfr_tf.errors import UserError, cause
from psfr_tf.models.discriminator import MultiScaleDiscriminator
from psfr_tf.models.face_parsing import FaceParsingNetwork
from psfr_tf.models.generator import Generator

CLASSES: dict[str, type[keras.Model]] = {
    "generator": Generator,
    "parsing": FaceParsingNetwork,
    "discriminator": MultiScaleDiscriminator,
    "generator_faithful": Generator,
}
# Of functional models and of classes that do not extend ours; how many weights they have is known
# only when they are built.
_OTHER: dict[str, dict[str, Any]] = {
    "parsing": {"encoder_channels": [1], "num_residual_blocks": 0},
    "discriminator": {"channels": [1]},
}


def describe(
    network: keras.Model, name: str, known: set[str]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What `config.json` says of a network.

    Args:
        network: any Keras model with the inputs and outputs of the class that it stands for.
        name: of its place, of `CLASSES`.
        known: arguments that `config.json` has for this place.

    Returns:
        The arguments; and Keras' own description, None for a class of this package.

    Raises:
        ValueError: Keras could not load it again.
    """
    if type(network) is CLASSES[name]:
        arguments = network.get_config()
        del arguments["name"], arguments["trainable"]
        return arguments, None
    arguments = dict(_OTHER.get(name, {}))
    if isinstance(network, CLASSES[name]):
        arguments = {key: value for key, value in network.get_config().items() if key in known}
    arguments["image_size"] = image_size(network)
    if "generator" in name:
        arguments["soft_parsing"] = bool(getattr(network, "soft_parsing", False))
    described = keras.saving.serialize_keras_object(network)
    described.pop("compile_config", None)
    for part in _own_classes(described):
        if keras.saving.get_registered_object(part["registered_name"]) is None:
            raise ValueError(
                f"{part.get('class_name')} is not registered with Keras and could not be loaded "
                "again: put @keras.saving.register_keras_serializable() before the class"
            )
    try:
        again = build(arguments, described)
    except Exception as error:  # whatever the user's own code raises
        raise ValueError(
            f"{type(network).__name__} cannot be built again from its get_config(): {cause(error)}"
        ) from error
    if [w.shape for w in again.weights] != [w.shape for w in network.weights]:
        raise ValueError(
            f"{type(network).__name__} has other weights when it is built from its get_config(): "
            "an argument is missing there"
        )
    return arguments, described


def build(arguments: dict[str, Any], described: dict[str, Any]) -> keras.Model:
    """The network, with random weights.

    Args:
        arguments: from `describe`.
        described: Keras' description.

    Raises:
        UserError: a class is not known here.
        Exception: what Keras or the class raises.
    """
    for part in _own_classes(described):
        name = part["registered_name"]
        if keras.saving.get_registered_object(name) is None:
            module = part.get("module") or "MODULE"
            raise UserError(
                f"the class {name} is not known here: import the module that defines it, on the "
                f"command line with --import {module}"
            )
    # Keras takes a description apart as it reads it.
    network = keras.saving.deserialize_keras_object(copy.deepcopy(described))
    for name in ("image_size", "soft_parsing"):
        if name in arguments and not hasattr(network, name):
            setattr(network, name, arguments[name])
    return network


def image_size(network: keras.Model) -> int:
    """Side of the square images that a network takes, in px."""
    size = getattr(network, "image_size", None)
    if size is None:
        first = keras.tree.flatten(network.inputs)[0]
        size = first.shape[1]
        if size is None or size != first.shape[2]:
            raise ValueError(
                f"The model takes images {tuple(first.shape[1:3])}: a fixed square size is needed, "
                "as of keras.Input((256, 256, 3))"
            )
    return size


def is_own(network: keras.Model) -> bool:
    """Whether a network is of another class than this package's."""
    return type(network) not in CLASSES.values()


def own_code(config: dict[str, Any]) -> bytes:
    """The modules whose classes a model folder has: with them its function changes."""
    modules = {
        getattr(keras.saving.get_registered_object(part["registered_name"]), "__module__", "")
        for part in _own_classes(config.get("own_networks", {}))
    }
    files = (getattr(sys.modules.get(name), "__file__", None) for name in sorted(modules))
    return b"".join(Path(file).read_bytes() for file in files if file)


def _own_classes(described: Any) -> list[dict[str, Any]]:
    """The descriptions of objects that are neither Keras' nor this package's."""
    if isinstance(described, list | tuple):
        return [part for each in described for part in _own_classes(each)]
    if not isinstance(described, dict):
        return []
    parts = [part for each in described.values() for part in _own_classes(each)]
    if isinstance(described.get("registered_name"), str):
        # Keras leaves out the module of a class of a script or notebook.
        package = str(described.get("module") or "").split(".")[0]
        if package not in ("keras", "builtins", "psfr_tf"):
            parts.insert(0, described)
    return parts
