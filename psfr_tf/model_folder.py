"""A model on disk: `config.json` and one weights file for each network.

    config.json  generator.weights.h5  parsing.weights.h5
    [generator_faithful.weights.h5]  [discriminator.weights.h5]

`config.json` holds the constructor arguments of every network, so a folder needs no preset to load.

A model with two operating points has two sets of weights of one generator: `generator` is the
perceptual end (trained with all losses), `generator_faithful` the faithful one (pixel loss only).
The fidelity f in 0..1 chooses a point between: (1 - f) perceptual + f faithful, weight by weight,
which works for runs that began with the same weights (network interpolation, ESRGAN, ECCV workshops
2018, section 3.4).
"""

import dataclasses
import datetime
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psfr_tf import files
from psfr_tf.errors import UserError, cause

if TYPE_CHECKING:
    from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator

CONFIG_FILE = "config.json"
FORMAT_VERSION = 1
MAX_CONFIG_BYTES = 2**22
SHIPPED_WEIGHTS = Path(__file__).parent / "weights"
NETWORKS = ("generator", "parsing", "discriminator", "generator_faithful")


@dataclasses.dataclass(frozen=True)
class ModelFolder:
    """A loaded model folder.

    Attributes:
        path: its directory.
        config: the contents of `config.json`.
        size: side of the square faces in px.
        generator: restores; float32, weights loaded.
        parsing_network: parses; float32, weights loaded.
        fidelity: the operating point of `generator`; None for a model that has only one.
    """

    path: Path
    config: dict[str, Any]
    size: int
    generator: "Generator"
    parsing_network: "FaceParsingNetwork"
    fidelity: float | None


def resolve(name_or_dir: str | os.PathLike) -> Path:
    """The directory of a model: the shipped one of that name, a model folder or a run folder's.

    Raises:
        UserError: if neither exists, or the directory holds no model.
    """
    shipped = SHIPPED_WEIGHTS / str(name_or_dir)
    if (shipped / CONFIG_FILE).is_file():
        return shipped
    path = Path(name_or_dir)
    for directory in (path, path / "model"):  # the latter: `psfr train` writes it
        if (directory / CONFIG_FILE).is_file():
            return directory
    if path.is_dir():
        raise UserError(f"{path}: not a model folder, it has no {CONFIG_FILE}")
    from psfr_tf.models.presets import PRESETS

    if str(name_or_dir) in PRESETS:
        raise UserError(
            f"{name_or_dir}: a preset without weights; psfr convert makes a model folder of "
            "published ones, psfr train of your own"
        )
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
        UserError: if it is damaged, of a newer format, or has values out of range.
    """
    path = Path(directory) / CONFIG_FILE
    try:
        config = json.loads(files.read_bounded(path, MAX_CONFIG_BYTES))
    except OSError as error:
        raise UserError(f"{path}: {cause(error)}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a psfr_tf model configuration ({error})") from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: not a psfr_tf model configuration (no keys)")
    version = config.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise UserError(
            f"{path}: format version {version} is newer than this psfr_tf reads "
            f"({FORMAT_VERSION}); upgrade psfr_tf"
        )
    if path.parent.parent != SHIPPED_WEIGHTS:  # ours are right, and a fifth of a second counts
        from psfr_tf.model_config import Config
        from psfr_tf.yaml_file import validated

        validated(Config, config, path)
    return config


def has_hash(path: Path, name: str) -> bool:
    """Whether `config.json` has a hash of a file of the folder; then the file is as it says.

    Raises:
        UserError: the file has another hash, or cannot be read.
    """
    expected = read_config(path).get("files", {}).get(name)
    if expected is None:
        return False
    if files.sha256(path / name) != expected:
        raise UserError(
            f"{path / name}: damaged or exchanged, its hash is not that of {CONFIG_FILE}; copy it "
            "again, or delete it and export it again"
        )
    return True


def record_hashes(path: Path, names: list[str]) -> None:
    """Write the hashes of files of a model folder into its `config.json`."""
    config = read_config(path)
    config.setdefault("files", {}).update({name: files.sha256(path / name) for name in names})
    files.write_json(path / CONFIG_FILE, config)


def load_model_folder(name_or_dir: str | os.PathLike, fidelity: float | None = None) -> ModelFolder:
    """Load generator and face parsing network, in float32.

    Args:
        name_or_dir: a shipped model ("psfr-mobile-256") or a model folder.
        fidelity: operating point, 0 (perceptual) to 1 (faithful); None for the model's default.

    Raises:
        UserError: if there is no such model, one of its files is missing or damaged, or it has no
            second operating point.
        ValueError: if `fidelity` is not in 0..1.
    """
    path = resolve(name_or_dir)
    config = read_config(path)
    fidelity = operating_point(path, config, fidelity)
    return ModelFolder(
        path=path,
        config=config,
        size=config["size"],
        generator=load_generator(path, config, fidelity),
        parsing_network=load_network(path, config, "parsing"),
        fidelity=fidelity,
    )


def load_generator(path: Path, config: dict[str, Any], fidelity: float | None):
    """The generator at an operating point of `operating_point`, float32, weights loaded."""
    generator = load_network(path, config, "generator")
    if fidelity:
        faithful = load_network(path, config, "generator_faithful")
        pairs = zip(generator.get_weights(), faithful.get_weights(), strict=True)
        generator.set_weights([(1 - fidelity) * p + fidelity * f for p, f in pairs])
    return generator


def operating_point(path: Path, config: dict[str, Any], fidelity: float | None) -> float | None:
    """The fidelity that a model is loaded with; None if it has only one operating point.

    Raises:
        UserError: a fidelity is asked of a model that has only one operating point.
        ValueError: if `fidelity` is not in 0..1.
    """
    if fidelity is not None and not 0.0 <= fidelity <= 1.0:
        raise ValueError(f"`fidelity` must be in 0..1. Received: fidelity={fidelity}")
    if "generator_faithful" in config["networks"]:
        return config["default_fidelity"] if fidelity is None else fidelity
    if fidelity is not None:
        raise UserError(f"{path}: does not support --fidelity; omit it")
    return None


def save_model_folder(
    directory: str | Path,
    generator: "Generator",
    parsing_network: "FaceParsingNetwork",
    discriminator: "MultiScaleDiscriminator | None" = None,
    preset: str | None = None,
    provenance: dict[str, Any] | None = None,
    faithful_generator: "Generator | None" = None,
    default_fidelity: float = 0.5,
    losses: dict[str, Any] | None = None,
) -> Path:
    """Write a model folder. Every file is replaced atomically, `config.json` last.

    Args:
        directory: made if absent.
        generator, parsing_network, discriminator: the networks; the discriminator may be left out.
        preset: name of the preset that they were made from, for the reader.
        provenance: where the weights come from; must be JSON.
        faithful_generator: a second operating point, of the generator's sizes.
        default_fidelity: the point between the two that is loaded unless another is asked for.
        losses: section `losses` of the training configuration, for `PSFRGAN.from_preset`.

    Returns:
        The directory.

    Raises:
        ValueError: a network of your own that Keras could not load again.
    """
    from psfr_tf.models.own_network import image_size

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    files.remove_leftovers(directory, depth=0)
    _remove_exported(directory)
    given = (generator, parsing_network, discriminator, faithful_generator)
    networks = dict(zip(NETWORKS, given, strict=True))
    config: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "preset": preset,
        "size": image_size(generator),
        "networks": {},
        "provenance": {
            "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            **(provenance or {}),
        },
    }
    for name, network in networks.items():
        if network is None:
            continue
        write_network(directory, config, name, network)
    if faithful_generator is not None:
        config["default_fidelity"] = default_fidelity
    if losses is not None:
        config["losses"] = losses
    files.write_json(directory / CONFIG_FILE, config)
    return directory


def _remove_exported(directory: Path) -> None:
    """Remove what was exported from the weights before: it would be taken for these."""
    try:
        names = read_config(directory).get("files", {})
    except UserError:  # no model, or none that is read
        return
    for name in names:
        (directory / Path(name).name).unlink(missing_ok=True)


def write_network(directory: Path, config: dict[str, Any], name: str, network) -> None:
    """Write the weights of one network, and put its description into `config`."""
    from psfr_tf.model_config import known_arguments
    from psfr_tf.models import own_network

    described = own_network.describe(network, name, known_arguments(name))
    with files.atomic_path(directory / f"{name}.weights.h5") as temporary:
        network.save_weights(temporary, overwrite=True)
    config["networks"][name], own = described
    config.setdefault("own_networks", {}).pop(name, None)
    if own is not None:
        config["own_networks"][name] = own
    if not config["own_networks"]:
        del config["own_networks"]


def load_network(path: Path, config: dict[str, Any], name: str):
    """One network of a model folder, float32, weights loaded.

    Raises:
        UserError: it is not there, damaged, or of a class that is not known here.
    """
    from psfr_tf.model_config import check_weight_count
    from psfr_tf.models import own_network
    from psfr_tf.weights_file import load_weights

    weights = path / f"{name}.weights.h5"
    if name not in config["networks"] or not weights.is_file():
        raise UserError(f"{path}: the model folder has no {weights.name}")
    check_weight_count(config["networks"][name], name, weights)
    what = f"the {name} network of {path / CONFIG_FILE}"
    try:
        own = config.get("own_networks", {}).get(name)
        if own is not None:
            network = own_network.build(config["networks"][name], own)
        else:
            network = own_network.CLASSES[name](**config["networks"][name], dtype="float32")
    except UserError as error:
        raise UserError(f"{path / CONFIG_FILE}: {name}: {error}") from None
    # Keras' layers raise many kinds at sizes that do not go together.
    except Exception as error:
        raise UserError(f"{path / CONFIG_FILE}: cannot be built: {name}: {cause(error)}") from error
    load_weights(network, weights, what)
    return network
