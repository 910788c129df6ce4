"""The readable forms of an export's report: a Markdown table and a chart."""

from pathlib import Path
from typing import Any

from psfr_tf import files
from psfr_tf.export.gpu_check import words
from psfr_tf.report import charts
from psfr_tf.report.table import Markup, Table


def figures(entry: dict[str, Any]) -> dict[str, str]:
    """What was measured of a file, as texts by their headings; "" for what was not."""
    delegated = {}
    if "delegate_partitions" in entry:
        outside = len(entry["operations_outside_delegate"])
        delegated = {"partitions": str(entry["delegate_partitions"]), "outside": str(outside)}
    return {
        "MB": f"{entry['size_bytes'] / 1e6:.2f}",
        "PSNR (dB)": _number(entry.get("psnr_db"), ".1f"),
        "worst face (dB)": _number(entry.get("worst_face_psnr_db"), ".1f"),
        "max error": _number(entry.get("max_error"), ".1g"),
        "equal labels (%)": _number(entry.get("equal_labels"), ".2f", 100),
        **delegated,
        **({"GPU": words(entry["gpu"])} if entry.get("gpu") else {}),
    }


def write_table(path: Path, report: dict[str, Any]) -> None:
    """Write the Markdown table of a report, see `file_export.export_files`."""
    rows = [
        {
            "file": entry["file"],
            **figures(entry),
            "kept": "yes" if entry["published"] else Markup("**no**"),
        }
        for entry in report["files"]
    ]
    settings, machine = report["settings"], report["machine"]
    notes = [line for entry in report["files"] for line in entry["shortfalls"] + entry["warnings"]]
    parts = [
        f"{report['weights']}, {settings['verification_faces']} degraded faces "
        f"({settings['faces']}), against the float model; {machine['cpu']}, "
        f"{machine['cores']} cores.",
        Table(list(rows[0]), [list(row.values()) for row in rows]).markdown(),
        "PSNR over all faces, images in [-1, 1]. The generator files get the float model's parsing "
        "map; the restorer files use their own.",
        gpu_note([entry["gpu"] or {} for entry in report["files"]]),
        "\n".join(f"- {note}" for note in notes),
    ]
    files.write_text(path, "\n\n".join(filter(None, parts)) + "\n")


def gpu_note(checks: list[dict[str, Any]]) -> str:
    """What the column GPU is, or why it is empty; "" if nobody asked for it."""
    missing = next((check["missing"] for check in checks if "missing" in check), "")
    device = next((check["device"] for check in checks if check.get("device")), "")
    made = f"GPU: LiteRT's GPU accelerator on {device}, one face" if device else ""
    return ". ".join(filter(None, [made, missing and f"GPU not tried: {missing}"]))


def write_chart(path: Path, report: dict[str, Any], title: str) -> None:
    """Draw size and PSNR of the restorer files as bars, a PNG picture."""
    entries = [entry for entry in report["files"] if entry["part"] == "restorer"]
    charts.write_bars(
        path,
        f"{report['weights']}: restorer, {title}",
        [(entry["precision"], charts.color(entry["precision"])) for entry in entries],
        {
            "size (MB)": [entry["size_bytes"] / 1e6 for entry in entries],
            "PSNR against float (dB)": [entry["psnr_db"] for entry in entries],
        },
    )


def _number(value: float | None, form: str, scale: float = 1.0) -> str:
    return "" if value is None else format(scale * value, form)
