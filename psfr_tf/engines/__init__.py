"""Runtimes of the networks: what runs a model, measures a file, and says what runs where.

`litert`, `onnx` and `tensorflow` are engines; a TF Serving server is one too
(`psfr_tf.export.serving`).
"""

from typing import Protocol

import numpy as np


class Engine(Protocol):
    """Runs aligned faces through the networks.

    Every engine may be shared by threads: `run` may be called by any number at once, and each gets
    the answer that it would have got alone. A call that fails does not disturb the others or later
    ones.
    """

    name: str
    """For reports, such as "litert"."""

    size: int
    """Side S of the faces in pixels."""

    def run(self, lq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Restore faces.

        Args:
            lq: float32 [B, S, S, 3] RGB in [-1, 1], any B >= 1.

        Returns:
            `restored` float32 [B, S, S, 3] in [-1, 1] and `labels` uint8 [B, S, S] (parsing map,
            0..18).

        Raises:
            ValueError: `lq` has another shape.
        """


def checked_faces(lq: np.ndarray, size: int) -> np.ndarray:
    """`lq` as float32 [B, size, size, 3].

    Raises:
        ValueError: it has another shape.
    """
    lq = np.asarray(lq, dtype=np.float32)
    if lq.ndim != 4 or lq.shape[1:] != (size, size, 3):
        raise ValueError(f"Faces [B, {size}, {size}, 3] are needed. Received: {list(lq.shape)}")
    return lq
