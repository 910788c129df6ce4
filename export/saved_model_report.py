"""Verification of a SavedModel: its figures, its limits, its table."""

from pathlib import Path
from typing import Any

from psfr_tf import files
from psfr_tf.export import file_report
from psfr_tf.export.degraded_faces import degraded_faces
from psfr_tf.export.variants import missed
from psfr_tf.export.verification import reference, verify_saved_model
from psfr_tf.machine import describe_machine
from psfr_tf.model_folder import ModelFolder
from psfr_tf.report.table import Table

FACES = 16
# Least PSNR in dB (rounding to uint8 alone leaves 58 to 59) and least share of equal labels.
LIMITS = {"float32": (50.0, 0.999), "bfloat16": (38.0, 0.99)}


def verified(folder: ModelFolder, path: Path, precision: str, data: Path | None) -> dict[str, Any]:
    """Compare a SavedModel with the float model on degraded faces.

    Args:
        folder: the model.
        path: of the SavedModel.
        precision: of the SavedModel, which the limits depend on.
        data: folder of aligned faces; None draws cartoon faces.

    Returns:
        The figures of `verify_saved_model`, `machine`, `faces`, and `shortfalls`, a line for each
        limit that is missed.
    """
    lq, problems = degraded_faces(data, folder.size, FACES)
    figures = verify_saved_model(path, reference(folder.generator, folder.parsing_network, lq))
    return {
        "precision": precision,
        **figures,
        "machine": describe_machine("tensorflow", "keras"),
        "faces": f"{FACES} of {data}" if data else f"{FACES} drawn",
        "problems": problems,
        "shortfalls": missed(figures, *LIMITS[precision]),
    }


def write_table(path: Path, name: str, figures: dict[str, Any]) -> None:
    """Write the figures as Markdown."""
    machine = figures["machine"]
    parts = [
        f"{name}: SavedModel, {figures['precision']}, {figures['faces']} degraded faces, against "
        f"the float model; {machine['cpu']}, {machine['cores']} cores.",
        Table(["", ""], list(file_report.figures(figures).items())).markdown(),
        "Max error in [-1, 1]. Its pictures are uint8: rounding alone leaves 58 to 59 dB.",
    ]
    files.write_text(path, "\n\n".join(parts) + "\n")
