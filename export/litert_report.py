"""The readable forms of an export's report: a Markdown table and a chart."""

from pathlib import Path
from typing import Any

from psfr_tf import files
from psfr_tf.report import charts
from psfr_tf.report.table import Markup, Table

_HEADER = (
    "file",
    "MB",
    "PSNR (dB)",
    "worst face (dB)",
    "max error",
    "equal labels (%)",
    "partitions",
    "outside",
    "ms, {} threads",
    "peak MB",
    "kept",
)


def write_table(path: Path, report: dict[str, Any]) -> None:
    """Write the Markdown table of a report, see `litert_export.export_litert`."""
    threads = [speed["threads"] for speed in report["files"][0]["speed"]]
    header = [cell.format(" / ".join(map(str, threads))) for cell in _HEADER]
    rows = []
    for entry in report["files"]:
        speed = entry["speed"]
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
                " / ".join(f"{each['median_ms']:.0f}" for each in speed),
                " / ".join(f"{each['peak_memory_mb']:.0f}" for each in speed),
                "yes" if entry["published"] else Markup("**no**"),
            ]
        )
    settings, machine = report["settings"], report["machine"]
    lines = [
        f"{report['weights']}, {settings['verification_faces']} degraded faces "
        f"({settings['faces']}), against the float model; {machine['cpu']}, "
        f"{machine['cores']} cores.",
        "",
        Table(header, rows).markdown(),
        "",
        "PSNR over all faces, images in [-1, 1]. The generator files get the float model's parsing "
        "map; the restorer files use their own. Latency is the median of runs in a fresh process, "
        "peak memory that of the process (numpy and the runtime included).",
    ]
    notes = [line for entry in report["files"] for line in entry["shortfalls"] + entry["warnings"]]
    if notes:
        lines += ["", *(f"- {note}" for note in notes)]
    files.write_text(path, "\n".join(lines) + "\n")


def write_chart(path: Path, report: dict[str, Any]) -> None:
    """Draw size, latency, peak memory and PSNR of the restorer files as bars, a PNG picture."""
    entries = [entry for entry in report["files"] if entry["part"] == "restorer"]
    threads = entries[0]["speed"][-1]["threads"]
    charts.write_bars(
        path,
        f"{report['weights']}: restorer, LiteRT",
        {entry["precision"]: charts.color(entry["precision"]) for entry in entries},
        {
            "size (MB)": [entry["size_bytes"] / 1e6 for entry in entries],
            f"latency (ms), {threads} threads": [e["speed"][-1]["median_ms"] for e in entries],
            "peak memory (MB)": [entry["speed"][-1]["peak_memory_mb"] for entry in entries],
            "PSNR against float (dB)": [entry["psnr_db"] for entry in entries],
        },
    )


def _number(value: float | None, digits: int, scale: float = 1.0) -> str:
    return "" if value is None else f"{scale * value:.{digits}f}"
