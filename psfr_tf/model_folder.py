"""A model on disk: `config.json` and one weights file for each network.

    config.json  generator.weights.h5  parsing.weights.h5  [discriminator.weights.h5]

`config.json` holds the constructor arguments of every network, so a folder needs no preset to load.
"""

import dataclasses
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psfr_tf import files
from psfr_tf.errors import UserError

if TYPE_CHECKING:
    from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator

SHIPPED_WEIGHTS = Path(__file__).parent / "weights"
CONFIG_FILE = "config.json"
FORMAT_VERSION = 1
NETWORKS = ("generator", "parsing", "discriminator")


@dataclasses.dataclass(frozen=True)
class ModelFolder:
    """A loaded model folder.

    Attributes:
        path: its directory.
        config: the contents of `config.json`.
        size: side of the square faces in px.
        generator: restores; float32, weights loaded.
        parsing_network: parses; float32, weights loaded.
    """

    path: Path
    config: dict[str, Any]
    size: int
    generator: "Generator"
    parsing_network: "FaceParsingNetwork"

    def load_discriminator(self) -> "MultiScaleDiscriminator":
        """The discriminator, for fine-tuning.

        Raises:
            UserError: if the folder holds none.
        """
        return _load_network(self.path, self.config, "discriminator")


def resolve(name_or_dir: str | Path) -> Path:
    """The directory of a model: the shipped one of that name, else a directory.

    Raises:
        UserError: if neither exists, or the directory holds no model.
    """
    shipped = SHIPPED_WEIGHTS / str(name_or_dir)
    if (shipped / CONFIG_FILE).is_file():
        return shipped
    path = Path(name_or_dir)
    if (path / CONFIG_FILE).is_file():
        return path
    if path.is_dir():
        raise UserError(f"{path}: not a model folder, it has no {CONFIG_FILE}")
    raise UserError(
        f"{name_or_dir}: neither a model folder nor shipped weights "
        f"(shipped: {', '.join(shipped_names()) or 'none'})"
    )


def shipped_names() -> list[str]:
    """Names of the models whose weights come with the package."""
    return sorted(path.parent.name for path in SHIPPED_WEIGHTS.glob(f"*/{CONFIG_FILE}"))


def read_config(directory: str | Path) -> dict[str, Any]:
    """The contents of a model folder's `config.json`.

    Raises:
        UserError: if it is damaged or of a newer format.
    """
    path = Path(directory) / CONFIG_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        version = config["format_version"]
        config["size"], config["networks"]["generator"], config["networks"]["parsing"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a psfr_tf model configuration ({error!r})") from None
    if version > FORMAT_VERSION:
        raise UserError(
            f"{path}: format version {version} is newer than this psfr_tf reads "
            f"({FORMAT_VERSION}); upgrade psfr_tf"
        )
    return config


def load_model_folder(name_or_dir: str | Path) -> ModelFolder:
    """Load generator and face parsing network, in float32.

    Args:
        name_or_dir: a shipped model ("psfr-mobile-256") or a model folder.

    Raises:
        UserError: if there is no such model, or one of its files is missing or damaged.
    """
    path = resolve(name_or_dir)
    config = read_config(path)
    return ModelFolder(
        path=path,
        config=config,
        size=config["size"],
        generator=_load_network(path, config, "generator"),
        parsing_network=_load_network(path, config, "parsing"),
    )


def save_model_folder(
    directory: str | Path,
    generator: "Generator",
    parsing_network: "FaceParsingNetwork",
    discriminator: "MultiScaleDiscriminator | None" = None,
    preset: str | None = None,
    provenance: dict[str, Any] | None = None,
) -> Path:
    """Write a model folder. Every file is replaced atomically, `config.json` last.

    Args:
        directory: made if absent.
        generator, parsing_network, discriminator: the networks; the discriminator may be left out.
        preset: name of the preset that they were made from, for the reader.
        provenance: where the weights come from; must be JSON.

    Returns:
        The directory.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    networks = dict(zip(NETWORKS, (generator, parsing_network, discriminator), strict=True))
    config: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "preset": preset,
        "size": generator.image_size,
        "networks": {},
        "provenance": {
            "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            **(provenance or {}),
        },
    }
    for name, network in networks.items():
        if network is None:
            continue
        with files.atomic_path(directory / f"{name}.weights.h5") as temporary:
            network.save_weights(temporary, overwrite=True)
        arguments = network.get_config()
        del arguments["name"], arguments["trainable"]
        config["networks"][name] = arguments
    files.write_json(directory / CONFIG_FILE, config)
    return directory


def _load_network(path: Path, config: dict[str, Any], name: str):
    from psfr_tf import models

    classes = {
        "generator": models.Generator,
        "parsing": models.FaceParsingNetwork,
        "discriminator": models.MultiScaleDiscriminator,
    }
    weights = path / f"{name}.weights.h5"
    if name not in config["networks"] or not weights.is_file():
        raise UserError(f"{path}: the model folder has no {weights.name}")
    try:
        network = classes[name](**config["networks"][name], dtype="float32")
        network.load_weights(weights)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).strip().splitlines()
        raise UserError(
            f"{weights}: cannot be loaded as the {name} network of {path / CONFIG_FILE}: "
            f"{reason[0] if reason else type(error).__name__}"
        ) from error
    return network
