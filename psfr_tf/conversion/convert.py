"""Published `.pth` files in, a model folder out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from psfr_tf.conversion.checkpoint import load_state, read_checkpoint
from psfr_tf.errors import writing
from psfr_tf.model_folder import save_model_folder

LICENSE_NOTE = (
    "Converted from the authors' PSFR-GAN release. Published weights stay under their own license, "
    "CC BY-NC-SA 4.0."
)


def convert(
    generator: str | Path,
    parsing: str | Path,
    output: str | Path,
    discriminator: str | Path | None = None,
    preset: str = "psfrgan-512",
    log: Callable[[str], None] = print,
) -> Path:
    """Convert checkpoints of the authors' networks to a model folder.

    Args:
        generator, parsing, discriminator: `.pth` files; the discriminator may be left out.
        output: the model folder, made if absent; nothing is written unless all files fit.
        preset: the sizes that the checkpoints have.
        log: is given one line for each mapped tensor and a summary for each file.

    Returns:
        The model folder.

    Raises:
        UserError: if a file cannot be read or does not fit.
    """
    from psfr_tf.models.own_network import CLASSES

    sources = {"generator": generator, "parsing": parsing, "discriminator": discriminator}
    networks = {}
    for name, path in sources.items():
        if path is None:
            continue
        kind: Any = CLASSES[name]
        network = kind.from_preset(preset, load_weights=False, name=name, dtype="float32")
        lines = load_state(network, read_checkpoint(path), str(path))
        for line in lines:
            log(line)
        log(f"{path}: {len(lines)} tensors mapped to the {name} network, none left over")
        networks[name] = network
    with writing(output):
        Path(output, "report.json").unlink(missing_ok=True)  # of the conversion before this one
        return save_model_folder(
            output,
            networks["generator"],
            networks["parsing"],
            networks.get("discriminator"),
            preset=preset,
            provenance={
                "source": LICENSE_NOTE,
                "files": {name: Path(path).name for name, path in sources.items() if path},
            },
        )
