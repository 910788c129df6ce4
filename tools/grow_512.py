"""Weights of psfr-mobile-256 as the start of psfr-mobile-512.

    python tools/grow_512.py --weights psfr-mobile-256 --output runs/start_512

In ordinary light the face parsing network becomes exactly the smaller one applied to the picture
averaged 2x2, with its answer repeated 2x2. The generator keeps its four scales (the last of them
reads LQ's average where it read blocks of 2x2 pixels) and gets a fifth with a head of zeros: it
begins as the identity.
"""

import argparse

import numpy as np

from psfr_tf.model_folder import load_model_folder, save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator

PRESET = "psfr-mobile-512"
LQ, PARSING = 12, 19  # channels that the last scale of the smaller generator reads, before noise


def grow_parsing(small: FaceParsingNetwork) -> FaceParsingNetwork:
    """The network at twice the side of `small`."""
    large = FaceParsingNetwork.from_preset(PRESET, load_weights=False)
    for old, new in zip(small.weights, large.weights, strict=True):
        value = np.asarray(old)
        if value.ndim == 4 and value.shape[2] != new.shape[2]:
            # [3, 3, 2 * 2 * C, F] on averages of 2x2 pixels to [3, 3, 4 * 4 * C, F] on pixels.
            value = _repeat(value.swapaxes(2, 3)).swapaxes(2, 3) / 4.0
        elif value.shape != tuple(new.shape):
            value = _repeat(value)
        new.assign(value)
    return large


def grow_generator(small: Generator) -> Generator:
    """The network with one more scale than `small`."""
    large = Generator.from_preset(PRESET, load_weights=False)
    for old, new in [
        (small.constant, large.constant),
        *zip(small.convs, large.convs, strict=False),
        *zip(small.blocks[:-1], large.blocks, strict=False),
        (small.damage_gate, large.damage_gate),
    ]:
        new.set_weights(old.get_weights())
    last = small.blocks[-1].get_weights()
    large.blocks[-2].set_weights([_read_average(value) for value in last])
    fresh = large.blocks[-1].get_weights()
    large.blocks[-1].set_weights(
        [
            old[:, :, : LQ + PARSING] if _reads_reference(old) else new
            for old, new in zip(last, fresh, strict=True)
        ]
    )
    return large


def _repeat(weight: np.ndarray) -> np.ndarray:
    """[..., 2 * 2 * C], blocks of 2x2 pixels, to [..., 4 * 4 * C]: each of them 2x2 times."""
    blocks = weight.reshape(*weight.shape[:-1], 2, 2, -1)
    return blocks.repeat(2, axis=-3).repeat(2, axis=-2).reshape(*weight.shape[:-1], -1)


def _reads_reference(weight: np.ndarray) -> bool:
    return weight.ndim == 4 and weight.shape[2] == LQ + PARSING + 4


def _read_average(weight: np.ndarray) -> np.ndarray:
    """A kernel over blocks of LQ as one over their average."""
    if not _reads_reference(weight):
        return weight
    blocks = weight[:, :, :LQ].reshape(3, 3, 4, 3, -1).sum(axis=2)
    return np.concatenate([blocks, weight[:, :, LQ : LQ + PARSING]], axis=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", default="psfr-mobile-256", metavar="NAME|DIR")
    parser.add_argument("--fidelity", type=float, help="operating point to start from")
    parser.add_argument("--output", required=True, metavar="DIR")
    args = parser.parse_args()
    small = load_model_folder(args.weights, args.fidelity)
    generator, parsing = grow_generator(small.generator), grow_parsing(small.parsing_network)
    save_model_folder(args.output, generator, parsing, preset=PRESET)


if __name__ == "__main__":
    main()
