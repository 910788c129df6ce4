"""The Markdown tables of a report."""

from collections.abc import Mapping


def markdown(report: Mapping) -> str:
    """Tables of an evaluation report: metrics, then parsing if it was measured.

    Args:
        report: what `psfr_tf.evaluation.evaluate` returns.

    Returns:
        Markdown text, ending in a line break.
    """
    parts = [_settings(report), _metrics(report)]
    if report.get("parsing"):
        parts.append(_parsing(report["parsing"]))
    if report["problems"]:
        lines = "\n".join(f"- {problem}" for problem in report["problems"])
        parts.append(f"Left out:\n\n{lines}")
    return "\n\n".join(parts) + "\n"


def _settings(report: Mapping) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in report["settings"].items())
    return f"{report['images']} images; {settings}."


def _metrics(report: Mapping) -> str:
    versions = report["versions_compared"]
    compared = len(versions) == 2
    header = ["metric", "better", *versions]
    if compared:
        header += ["difference", "improved"]
    rows = []
    for summary in report["metrics"].values():
        unit = f" ({summary['unit']})" if summary["unit"] else ""
        digits = 2 if summary["unit"] else 4
        row = [
            summary["label"] + unit,
            "higher" if summary["higher_is_better"] else "lower",
            *(_number(summary["mean"][version], digits) for version in versions),
        ]
        if compared:
            row.append(_number(summary["difference"], digits, sign="+"))
            row.append(f"{summary['images_improved']} of {summary['images']}")
        rows.append([*row, f"{summary['images']}"])
    text = _table([*header, "images"], rows)
    notes = [note for summary in report["metrics"].values() if (note := _left_out(summary))]
    return "\n\n".join([text, *notes])


def _left_out(summary: Mapping) -> str:
    counts = {version: n for version, n in summary["not_finite"].items() if n}
    if not counts:
        return ""
    each = ", ".join(f"{version} {n}" for version, n in counts.items())
    return (
        f"{summary['label']} is not defined or infinite for some images ({each}); "
        "its means are over the images where it is finite in every column."
    )


def _parsing(parsing: Mapping) -> str:
    rows = []
    for label, values in parsing["per_class"].items():
        share = 100 * values["reference_share"]
        rows.append([label, _number(values["iou"], 3), f"{share:.2f}"])
    text = _table(["parsing class", "IoU", "% of reference pixels"], rows)
    return (
        f"Parsing of the degraded inputs: mIoU {_number(parsing['mean_iou'], 3)} over the "
        f"{parsing['classes_present']} classes present in the reference maps, pixel accuracy "
        f"{_number(parsing['pixel_accuracy'], 3)}, {parsing['images']} images.\n\n{text}"
    )


def _number(value: float | None, digits: int, sign: str = "") -> str:
    return "n/a" if value is None else f"{value:{sign}.{digits}f}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
