"""Samples that show on a phone whether a file runs right there: one face, and what it becomes here.

    sample_lq.bin                   the input, float32 [1, S, S, 3], little endian, as it is fed in
    sample_restored_PRECISION.bin   what the restorer file of that precision made of it here
    samples.json                    shapes, and how near the phone's output has to be

`python -m psfr_tf.export.check_output` compares.
"""

from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf import files
from psfr_tf.export.variants import Variant
from psfr_tf.pictures import psnr_db

SAMPLES_FILE = "samples.json"
DTYPE = "<f4"


def write_samples(
    output: Path, lq: np.ndarray, made: dict[str, np.ndarray], variants: dict[str, Variant]
) -> None:
    """Write the files that the module's docstring lists.

    Args:
        lq: the face, float32 [1, S, S, 3].
        made: what the restorer files made of it, by precision.
        variants: their limits: two machines may differ as much as a file from the float model.
    """
    _write(output / "sample_lq.bin", lq)
    restored = {}
    for precision, face in made.items():
        name = f"sample_restored_{precision}.bin"
        _write(output / name, face)
        limit = variants[precision].min_fused_psnr_db
        restored[precision] = {"file": name, "min_psnr_db": limit}
    content: dict[str, Any] = {
        "dtype": "float32, little endian",
        "shape": list(lq.shape),
        "layout": "NHWC, RGB, -1 to 1",
        "lq": "sample_lq.bin",
        "restored": restored,
    }
    files.write_json(output / SAMPLES_FILE, content)


def compare(made: np.ndarray, expected: np.ndarray) -> float:
    """PSNR in dB of two faces in [-1, 1], clipped; 0 if a value of either is no number."""
    difference = np.clip(made, -1, 1).astype(np.float64) - np.clip(expected, -1, 1)
    return psnr_db(float(np.mean(np.square(difference))))


def likely_mistake(made: np.ndarray, expected: np.ndarray, limit: float) -> str | None:
    """What was done to an output that is right but for its layout; None if nothing explains it."""
    size = expected.shape[1]
    planes = made.reshape(3, size, size)
    repaired = {
        "its channels are in the order BGR": made[..., ::-1],
        "its layout is NCHW": planes.transpose(1, 2, 0)[None],
        "its range is 0 to 1": 2 * made - 1,
        "its range is 0 to 255": made / 127.5 - 1,
        "it is transposed": made.transpose(0, 2, 1, 3),
    }
    found = (what for what, face in repaired.items() if compare(face, expected) >= limit)
    return next(found, None)


def _write(path: Path, array: np.ndarray) -> None:
    with files.atomic_path(path) as temporary:
        temporary.write_bytes(np.ascontiguousarray(array, DTYPE).tobytes())
