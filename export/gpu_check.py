"""Exported files on LiteRT's GPU accelerator, as far as this machine can run it."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.engines import gpu
from psfr_tf.engines.litert import open_file
from psfr_tf.engines.measure import MeasurementFailed, measure
from psfr_tf.export.verification import Reference, verify

# For one file: a network of `psfrgan-512`'s size takes 20 minutes on a driver in software.
TIME_LIMIT = 3600.0


def gpu_checker(expected: Reference) -> Callable[[Path, str], dict[str, Any] | None]:
    """A check of files, see `_check`; after a first one without an end it checks no more."""
    reason = gpu.no_driver()

    def check(path: Path, part: str) -> dict[str, Any] | None:
        nonlocal reason
        if reason:
            return {"missing": reason}
        figures = _check(path, part, expected)
        if figures.get("failed", "").startswith("no end"):
            reason = f"{path.name}: {figures['failed']}"
        return figures

    return check


def _check(path: Path, part: str, expected: Reference) -> dict[str, Any]:
    """Run a file on the GPU, in a process of its own, for the first of the expected faces.

    Returns:
        dict of `device`; `whole`, whether the GPU takes every operation; `outside`, the operations
        it refuses, with the reasons; `outside_count`; and `psnr_db`, `max_error`, `equal_labels` as
        of `verification.verify`. Or `failed`, why it does not run.
    """
    first = Reference(*(values[:1] for values in vars(expected).values()))
    plain = open_file(path, xnnpack=False)
    runner = plain.get_signature_runner()
    given = _names(plain.get_input_details(), runner.get_input_details())
    names = _names(plain.get_output_details(), runner.get_output_details())
    figures: dict[str, Any] = {}

    def run(**inputs: np.ndarray) -> dict[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            sent, made = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
            np.savez(sent, *(inputs[name] for name in given))
            options = ("--gpu", "--inputs", sent, "--outputs", made)
            figures.update(measure(path, *options, seconds=TIME_LIMIT))
            with np.load(made) as arrays:
                return dict(zip(names, (arrays[name] for name in arrays.files), strict=True))

    try:
        agreement = verify(run, part, first)
    except MeasurementFailed as error:
        return {"failed": error.reason}
    return {**figures, **agreement}


def words(figures: dict[str, Any] | None) -> str:
    """A cell of a table: "whole, 63.1 dB", "3 on the CPU, 60.0 dB", "failed"; "" if not tried."""
    if not figures or "missing" in figures:
        return ""
    if "failed" in figures:
        return "failed"
    place = "whole" if figures["whole"] else f"{figures['outside_count']} on the CPU"
    if "psnr_db" in figures:
        return f"{place}, {figures['psnr_db']:.1f} dB"
    return f"{place}, {100 * figures['equal_labels']:.2f} %"


def _names(details: list[dict], by_name: dict[str, dict]) -> list[str]:
    """Names in the signature, in the order of the graph's inputs or outputs."""
    names = {detail["index"]: name for name, detail in by_name.items()}
    return [names[detail["index"]] for detail in details]
