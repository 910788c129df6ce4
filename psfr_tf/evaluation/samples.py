"""What an evaluation compares: one sample per image, read when it is needed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Sample:
    """One image of an evaluation.

    Attributes:
        name: file name without its suffix.
        reference: the undamaged picture, uint8 RGB [H, W, 3].
        versions: pictures compared with the reference, by name, of the same shape and type.
        parsing: label maps [H, W] that models predicted from the input, by version.
        reference_parsing: label map [H, W] to agree with, or None.
    """

    name: str
    reference: np.ndarray
    versions: dict[str, np.ndarray]
    parsing: dict[str, np.ndarray] = field(default_factory=dict)
    reference_parsing: np.ndarray | None = None


class SampleSource(Protocol):
    """A sequence of samples.

    Attributes:
        names: name of each sample.
        versions: names of the versions that every sample has.
        parsed: those of them whose samples have a parsing, to be compared with the reference's.
        problems: one line for each input that is left out.
    """

    names: Sequence[str]
    versions: tuple[str, ...]
    parsed: tuple[str, ...]
    problems: list[str]

    def load(self, index: int) -> Sample:
        """Reads or computes one sample; raises UserError with one line if it cannot be read."""
        ...
