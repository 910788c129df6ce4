"""The list of a degraded set: what was drawn for each face, so that others can make it again."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from psfr_tf.csv_file import read_rows
from psfr_tf.data.degradation import Degradation, DegradationParameters
from psfr_tf.data.degradation.natural import LIGHT_RANGES, neutral_light
from psfr_tf.data.degradation.pipeline import BLURS
from psfr_tf.data.degradation.resampling import METHODS
from psfr_tf.data.forms import FORMS
from psfr_tf.errors import UserError
from psfr_tf.files import is_plain_name

_FACE = ("name", "source_file", "form", "seed", "index", "size")
_DRAWN = (
    *("blurred", "blur", "gaussian_sigma", "average_k", "median_k", "motion_k", "motion_angle"),
    *("low_size", "interpolation", "noisy", "noise_sigma", "noise_per_channel"),
    *("noise_seed_0", "noise_seed_1", "compressed", "jpeg_quality", "gray"),
)
_LIGHT = ("gain_0", "gain_1", "gain_2", "offset", "compressed_again", "second_quality")
_HASHES = ("source_sha256", "lq_sha256", "hq_sha256")
COLUMNS = (*_FACE, *_DRAWN, *_HASHES, *_LIGHT)
# Manifests of earlier versions have no columns for what only "natural" draws.
_REQUIRED = (*_FACE, *_DRAWN, *_HASHES)
_WHOLE = ("average_k", "median_k", "motion_k", "low_size", "jpeg_quality")
_FLOATS = ("gaussian_sigma", "motion_angle", "noise_sigma")
_INT64 = (-(2**63), 2**63 - 1)
_BOOLEANS = ("blurred", "noisy", "noise_per_channel", "compressed", "gray")


def drawn_values(p: DegradationParameters) -> dict[str, object]:
    """The cells of what was drawn. Every draw is written, used or not.

    Nine digits give every float32 back exactly.
    """
    seeds = p.noise_seed.numpy()
    return {
        **{name: f"{float(getattr(p, name)):.9g}" for name in _FLOATS},
        **{name: int(getattr(p, name)) for name in _BOOLEANS},
        **{name: int(getattr(p, name)) for name in _WHOLE},
        "blur": BLURS[int(p.blur)],
        "interpolation": METHODS[int(p.interpolation)],
        "noise_seed_0": int(seeds[0]),
        "noise_seed_1": int(seeds[1]),
        **{f"gain_{channel}": f"{float(gain):.9g}" for channel, gain in enumerate(p.gain)},
        "offset": f"{float(p.offset):.9g}",
        "compressed_again": int(p.compressed_again),
        "second_quality": int(p.second_quality),
    }


def parameters(values: Mapping[str, str], degradation: Degradation) -> DegradationParameters:
    """The draws of a row, the inverse of `drawn_values`.

    Raises:
        ValueError: if a cell is not what it should be, or out of the range that draws have.
    """
    _check_ranges(values, degradation)
    whole = {name: tf.constant(int(values[name]), tf.int32) for name in _WHOLE}
    floats = {name: tf.constant(np.float32(values[name])) for name in _FLOATS}
    booleans = {name: tf.constant(bool(int(values[name]))) for name in _BOOLEANS}
    seeds = [int(values["noise_seed_0"]), int(values["noise_seed_1"])]
    return DegradationParameters(
        **whole,
        **floats,
        **booleans,
        blur=tf.constant(BLURS.index(values["blur"]), tf.int32),
        interpolation=tf.constant(METHODS.index(values["interpolation"]), tf.int32),
        noise_seed=tf.constant(seeds, tf.int64),
        **_light(values),
    )


def _light(values: Mapping[str, str]) -> dict[str, tf.Tensor]:
    if not values.get("gain_0"):
        return neutral_light()
    return {
        "gain": tf.constant([np.float32(values[f"gain_{channel}"]) for channel in range(3)]),
        "offset": tf.constant(np.float32(values["offset"])),
        "compressed_again": tf.constant(bool(int(values["compressed_again"]))),
        "second_quality": tf.constant(int(values["second_quality"]), tf.int32),
    }


def _check_ranges(values: Mapping[str, str], degradation: Degradation) -> None:
    """Kernels and pictures are made as large as a cell says."""
    ranges = {
        **degradation.ranges(),
        "noise_seed_0": _INT64,
        "noise_seed_1": _INT64,
        **dict.fromkeys(_BOOLEANS, (0, 1)),
    }
    if values.get("gain_0"):
        ranges |= LIGHT_RANGES
    for name, (low, high) in ranges.items():
        real = isinstance(low, float)
        value = float(values[name]) if real else int(values[name])
        # Nine digits of a float32 may round past the end of its range.
        slack = 1e-5 * (abs(high) + 1) if real else 0
        if not low - slack <= value <= high + slack:
            raise ValueError(f"{name} must be {low}..{high}, got {values[name]:.40}")
        if name.endswith("_k") and value % 2 == 0:
            raise ValueError(f"{name} must be odd, got {values[name]:.40}")


def read_manifest(path: Path) -> list[dict[str, str]]:
    """Rows of a manifest that `psfr degrade` wrote: cells, as text, by the names of `COLUMNS`.

    Raises:
        UserError: if it cannot be read or is none.
    """
    rows = read_rows(path)
    for row in rows:
        if "grey" in row:  # so 0.1.0 called it
            row["gray"] = row.pop("grey")
    missing = [name for name in _REQUIRED if not rows or rows[0].get(name) is None]
    if missing:
        raise UserError(
            f"{path}: not a manifest of psfr degrade, it has no {', '.join(missing[:3])}"
        )
    for number, row in enumerate(rows, 2):
        try:
            if row["form"] not in FORMS:
                raise ValueError(f"form {row['form']!r}")
            degradation = Degradation(row["form"], int(row["size"]))
            parameters(row, degradation)
        except (ValueError, TypeError, OverflowError) as error:
            raise UserError(f"{path}: line {number} is damaged ({error})") from error
        if not (is_plain_name(row["name"]) and is_plain_name(row["source_file"])):
            raise UserError(f"{path}: line {number}: names must be plain file names")
    return rows


def hashes(source: Path, lq: np.ndarray, hq: np.ndarray) -> dict[str, str]:
    """SHA-256 of the source file, and of the pixels of both pictures (RGB, row by row)."""
    digests = (source.read_bytes(), lq.tobytes(), hq.tobytes())
    return {
        column: hashlib.sha256(data).hexdigest()
        for column, data in zip(_HASHES, digests, strict=True)
    }


def difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Why a picture is not the manifest's; nothing where it is, or where no checksums are given."""
    expected = {name: expected.get(name, found[name]) for name in _HASHES}
    if found["source_sha256"] != expected["source_sha256"]:
        return "its sharp face is another file than the manifest's"
    if found != expected:
        return (
            "its pixels differ from the manifest's: another version of psfr_tf or TensorFlow, or "
            "another kind of processor"
        )
    return ""
