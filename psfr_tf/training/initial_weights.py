"""Weights that a run starts from."""

from pathlib import Path

import keras

from psfr_tf.config import TrainConfig
from psfr_tf.errors import UserError
from psfr_tf.model_folder import SHIPPED_WEIGHTS
from psfr_tf.models.vgg import check_vgg_weights
from psfr_tf.training import fine_tuning
from psfr_tf.weights_file import load_weights


def load(networks: dict[str, keras.Model], config: TrainConfig) -> None:
    """Load ``training.init`` and ``training.parsing_weights`` into ``networks``.

    ``init`` must hold the network that is trained; its discriminator, and its face parsing
    network where ``parsing_weights`` is not given, are used if they are there.

    Raises:
        UserError: a file is missing or does not fit, or the generator would have to be trained
            with a face parsing network that is not trained.
    """
    init, parsing = config.training.init, config.training.parsing_weights
    loaded = set()
    if init is not None:
        trained = "generator" if config.model == "psfrgan" else "parsing"
        if config.training.fine_tune:
            networks[trained].set_weights(fine_tuning.start(config)[0])
        else:
            load_file(networks[trained], find(init, trained), "training.init")
        loaded.add(trained)
        others = set() if Path(init).is_file() else {"discriminator", "parsing"}
        for name in others & set(networks) - loaded:
            if name == "parsing" and parsing is not None:
                continue
            path = find(init, name)
            if path.is_file():
                load_file(networks[name], path, "training.init")
                loaded.add(name)
    if parsing is not None:
        load_file(networks["parsing"], find(parsing, "parsing"), "training.parsing_weights")
        loaded.add("parsing")
    if config.model == "psfrgan" and "parsing" not in loaded:
        raise UserError(
            "training.parsing_weights: the generator needs a trained face parsing network; give "
            "the output folder of a run with model: fpn, a model folder or a .weights.h5 file"
        )


def missing_paths(config: TrainConfig) -> list[str]:
    """One line for each weights file that the config names and that is not there."""
    training, losses = config.training, config.losses
    trained = "generator" if config.model == "psfrgan" else "parsing"
    checks: list[tuple] = []
    if training.init is not None:
        checks.append((_check_file, find(training.init, trained), "training.init"))
    if training.parsing_weights is not None:
        path = find(training.parsing_weights, "parsing")
        checks.append((_check_file, path, "training.parsing_weights"))
    network = "a Keras network (.keras)"
    if losses.needs_features and losses.style_features == "vgg":
        checks.append((check_vgg_weights, losses.vgg_weights))
    elif losses.needs_features and losses.style_features.endswith(".keras"):
        path = Path(losses.style_features)
        checks.append((_check_file, path, "losses.style_features", network))
    if losses.identity_weight and losses.identity_network:
        path = Path(losses.identity_network)
        checks.append((_check_file, path, "losses.identity_network", network))
    missing = []
    for check, *arguments in checks:
        try:
            check(*arguments)
        except UserError as error:
            missing.append(str(error))
    return missing


def find(source: str, network: str) -> Path:
    """The weights file of ``network``: in shipped weights, a file, a model folder or a run folder.

    The path is returned whether or not it exists.
    """
    name = f"{network}.weights.h5"
    path = Path(source)
    candidates = [SHIPPED_WEIGHTS / source / name, path / name, path / "model" / name]
    if path.is_file():
        return path
    return next((candidate for candidate in candidates if candidate.is_file()), path / name)


def load_file(network: keras.Model, path: Path, option: str) -> None:
    """Load one weights file into ``network``; errors name ``option`` of the config."""
    _check_file(path, option)
    try:
        load_weights(network, path, f"the {type(network).__name__} of this preset")
    except UserError as error:
        raise UserError(f"{option}: {error}") from error


def _check_file(path: Path, option: str, wanted: str = "a model folder or a run folder") -> None:
    if not path.is_file():
        raise UserError(f"{option}: {path} does not exist; give {wanted}")
