"""The readable forms of an export's report: a Markdown table and a chart."""

from pathlib import Path
from typing import Any

from psfr_tf import files
from psfr_tf.export.bar_chart import write_bars

_HEADER = (
    "file",
    "MB",
    "PSNR (dB)",
    "worst face (dB)",
    "max error",
    "equal labels (%)",
    "partitions",
    "outside",
    "kept",
)
_COLOURS = {
    "float32": (76, 114, 176),
    "float16": (85, 168, 104),
    "int8-dynamic": (196, 78, 82),
    "int8-weights": (129, 114, 179),
    "int8": (204, 151, 65),
}


def write_table(path: Path, report: dict[str, Any]) -> None:
    """Write the Markdown table of a report, see `litert_export.export_litert`."""
    rows = [_HEADER, ["---"] * len(_HEADER)]
    for entry in report["files"]:
        rows.append(
            [
                entry["file"],
                f"{entry['size_bytes'] / 1e6:.2f}",
                _number(entry.get("psnr_db"), 1),
                _number(entry.get("worst_face_psnr_db"), 1),
                f"{entry['max_error']:.1g}" if "max_error" in entry else "",
                _number(entry.get("equal_labels"), 2, 100),
                str(entry["delegate_partitions"]),
                str(len(entry["operations_outside_delegate"])),
                "yes" if entry["published"] else "**no**",
            ]
        )
    settings, machine = report["settings"], report["machine"]
    lines = [
        f"{report['weights']}, {settings['verification_faces']} degraded faces "
        f"({settings['faces']}), against the float model; {machine['cpu']}, "
        f"{machine['cores']} cores.",
        "",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        "PSNR over all faces, images in [-1, 1]. The generator files get the float model's parsing "
        "map; the restorer files use their own.",
    ]
    notes = [line for entry in report["files"] for line in entry["shortfalls"] + entry["warnings"]]
    if notes:
        lines += ["", *(f"- {note}" for note in notes)]
    files.write_text(path, "\n".join(lines) + "\n")


def write_chart(path: Path, report: dict[str, Any]) -> None:
    """Draw size and PSNR of the restorer files as bars, a PNG picture."""
    entries = [entry for entry in report["files"] if entry["part"] == "restorer"]
    panels = [
        ("size (MB)", [entry["size_bytes"] / 1e6 for entry in entries]),
        ("PSNR against float (dB)", [entry["psnr_db"] for entry in entries]),
    ]
    write_bars(
        path,
        f"{report['weights']}: restorer, LiteRT",
        [entry["precision"] for entry in entries],
        [_COLOURS[entry["precision"]] for entry in entries],
        panels,
    )


def _number(value: float | None, digits: int, scale: float = 1.0) -> str:
    return "" if value is None else f"{scale * value:.{digits}f}"
