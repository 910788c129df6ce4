"""Verification of a SavedModel: its figures, its limits, its table and chart."""

from pathlib import Path
from typing import Any

from psfr_tf import files
from psfr_tf.engines.litert import available_cores
from psfr_tf.export import litert_report
from psfr_tf.export.degraded_faces import degraded_faces
from psfr_tf.export.measure_saved_model import measure_saved_model
from psfr_tf.export.verification import reference, verify_saved_model
from psfr_tf.machine import describe_machine
from psfr_tf.model_folder import ModelFolder
from psfr_tf.report import charts
from psfr_tf.report.table import Table

FACES = 16
# Least PSNR in dB (rounding to uint8 alone leaves 58 to 59) and least share of equal labels.
LIMITS = {"float32": (50.0, 0.999), "bfloat16": (38.0, 0.99)}


def verified(folder: ModelFolder, path: Path, precision: str, data: Path | None) -> dict[str, Any]:
    """Compare a SavedModel with the float model on degraded faces, and time it.

    Args:
        folder: the model.
        path: of the SavedModel.
        precision: of the SavedModel, which the limits depend on.
        data: folder of aligned faces; None draws cartoon faces.

    Returns:
        The figures of `verify_saved_model`, `speed` (of one thread and of all cores), `machine`,
        `faces`, and `shortfalls`, a line for each limit that is missed.
    """
    lq, problems = degraded_faces(data, folder.size, FACES)
    figures = verify_saved_model(path, reference(folder.generator, folder.parsing_network, lq))
    shortfalls = []
    min_psnr_db, min_equal_labels = LIMITS[precision]
    if not figures["psnr_db"] >= min_psnr_db:
        shortfalls.append(f"{figures['psnr_db']:.1f} dB, less than {min_psnr_db:.0f} dB")
    if not figures["equal_labels"] >= min_equal_labels:
        shortfalls.append(
            f"{100 * figures['equal_labels']:.2f} % equal labels, less than "
            f"{100 * min_equal_labels:.1f} %"
        )
    threads = sorted({1, available_cores()})
    return {
        "precision": precision,
        **figures,
        "speed": [measure_saved_model(path, count) for count in threads],
        "machine": {**describe_machine("tensorflow", "keras"), "cores": available_cores()},
        "faces": f"{FACES} of {data}" if data else f"{FACES} drawn",
        "problems": problems,
        "shortfalls": shortfalls,
    }


def write_table(path: Path, name: str, figures: dict[str, Any]) -> None:
    """Write the figures as Markdown."""
    machine = figures["machine"]
    parts = [
        f"{name}: SavedModel, {figures['precision']}, {figures['faces']} degraded faces, against "
        f"the float model; {machine['cpu']}, {machine['cores']} cores.",
        Table(["", ""], list(litert_report.figures(figures).items())).markdown(),
        "Max error in [-1, 1]; latency of one face. Its pictures are uint8: rounding alone leaves "
        "58 to 59 dB.",
    ]
    files.write_text(path, "\n\n".join(parts) + "\n")


def write_chart(path: Path, name: str, figures: dict[str, Any]) -> None:
    """Draw latency and peak memory for each number of threads as bars, a PNG picture."""
    speed = figures["speed"]
    charts.write_bars(
        path,
        f"{name}: SavedModel, {figures['precision']}, one face",
        {
            f"{each['threads']} thread{'s' * (each['threads'] > 1)}": charts.color("float32")
            for each in speed
        },
        {
            "latency (ms)": [each["median_ms"] for each in speed],
            "peak memory (MB)": [each["peak_memory_mb"] for each in speed],
        },
    )
