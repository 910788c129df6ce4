"""What an engine is given."""

import numpy as np


def checked_faces(lq: np.ndarray, size: int) -> np.ndarray:
    """`lq` as float32 [B, size, size, 3].

    Raises:
        ValueError: it has another shape.
    """
    lq = np.asarray(lq, dtype=np.float32)
    if lq.ndim != 4 or lq.shape[1:] != (size, size, 3):
        raise ValueError(f"Faces [B, {size}, {size}, 3] are needed. Received: {list(lq.shape)}")
    return lq
