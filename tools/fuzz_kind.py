"""What `tools/fuzz.py` mutates."""

from pathlib import Path

import numpy as np
from fuzz_mutations import mutated_bytes


class Kind:
    """Good inputs of a kind, and its reader.

    `case` draws an input from a generator of random numbers; `read` gives it to psfr_tf, which may
    return anything or raise `UserError`.
    """

    name = "input"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / self.name
        self.good = self.make()

    def make(self) -> list[bytes]:
        raise NotImplementedError

    def case(self, rng: np.random.Generator) -> bytes:
        return mutated_bytes(rng, self.good[rng.integers(len(self.good))])

    def read(self, data: bytes) -> None:
        self.path.write_bytes(data)
        self.check()

    def check(self) -> None:
        raise NotImplementedError
