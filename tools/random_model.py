"""A model folder with random weights, to measure speed and size without trained ones.

python tools/random_model.py --preset psfrgan-512 --output random
"""

import argparse
import sys
from pathlib import Path

from psfr_tf.model_folder import save_model_folder


def main(argv: list[str] | None = None) -> int:
    from psfr_tf.models.presets import PRESETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=sorted(PRESETS), required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args(argv)
    write_random_model(args.preset, args.output)
    return 0


def write_random_model(preset: str, directory: Path) -> Path:
    """Write networks of a preset's sizes; their weights are the same every time."""
    import keras

    from psfr_tf.models import FaceParsingNetwork, Generator

    keras.utils.set_random_seed(0)
    generator = Generator.from_preset(preset, load_weights=False)
    parsing_network = FaceParsingNetwork.from_preset(preset, load_weights=False)
    provenance = {"weights": "random, not trained"}
    return save_model_folder(
        directory, generator, parsing_network, preset=preset, provenance=provenance
    )


if __name__ == "__main__":
    sys.exit(main())
