"""The Markdown tables of a report."""

from collections.abc import Mapping

# Beyond these many versions, they are the rows and the metrics the columns.
MOST_COLUMNS = 7


def markdown(report: Mapping) -> str:
    """Tables of an evaluation report: metrics, then parsing if it was measured.

    Args:
        report: what `psfr_tf.evaluation.evaluate` returns.

    Returns:
        Markdown text, ending in a line break.
    """
    parts = [settings(report), _metrics(report)]
    parts += [_parsing(values, version) for version, values in report["parsing"].items()]
    if report["metrics_left_out"]:
        lines = "\n".join(f"- {name}: {why}" for name, why in report["metrics_left_out"].items())
        parts.append(f"Metrics left out:\n\n{lines}")
    if report["problems"]:
        lines = "\n".join(f"- {problem}" for problem in report["problems"])
        parts.append(f"Left out:\n\n{lines}")
    return "\n\n".join(parts) + "\n"


def settings(report: Mapping) -> str:
    """One line: how many images, and how they were made."""
    parts = [f"{report['images']} images"]
    for key, value in report["settings"].items():
        if key in ("title", "fidelity", "weights_sha256", "networks"):
            continue
        if key == "systems":
            parts += [f"{name} = {origin}" for name, origin in value.items()]
        elif isinstance(value, list):
            parts.append(f"{key} {', '.join(value)}")
        else:
            parts.append(f"{key} {value}")
    return ", ".join(parts) + "."


def rows(report: Mapping) -> list[dict]:
    """One row per metric: label, whether higher is better, values by version, images.

    With two versions also the difference and how many images improved.
    """
    result = []
    two = len(report["versions_compared"]) == 2
    for summary in report["metrics"].values():
        digits = 2 if summary["unit"] else 4
        row = {
            "label": summary["label"] + (f" ({summary['unit']})" if summary["unit"] else ""),
            "higher_is_better": summary["higher_is_better"],
            "values": {
                v: "perfect" if v in summary["perfect"] else _number(x, digits)
                for v, x in summary["mean"].items()
            },
            "images": summary["images"],
        }
        if two:
            (row["difference"],) = (
                _number(x, digits, sign="+") for x in summary["difference"].values()
            )
            (improved,) = summary["images_improved"].values()
            row["improved"] = f"{improved} of {summary['images']}"
        result.append(row)
    if report["fid"]:
        fid = report["fid"]
        row = {
            "label": fid["label"],
            "higher_is_better": fid["higher_is_better"],
            "values": {v: _number(x, 2) for v, x in fid["value"].items()},
            "images": fid["images"],
        }
        if two:
            before, after = fid["value"].values()
            row |= {"difference": _number(after - before, 2, sign="+"), "improved": ""}
        result.append(row)
    return result


def _metrics(report: Mapping) -> str:
    versions = report["versions_compared"]
    if len(versions) > MOST_COLUMNS:
        measured = rows(report)
        header = [
            f"{row['label']}, {'higher' if row['higher_is_better'] else 'lower'} is better"
            for row in measured
        ]
        lines = [[version, *(row["values"][version] for row in measured)] for version in versions]
        return "\n\n".join([table(["", *header], lines), *notes(report)])
    extra = ["difference", "improved"] if len(versions) == 2 else []
    lines = [
        [
            row["label"],
            "higher" if row["higher_is_better"] else "lower",
            *(row["values"][version] for version in versions),
            *(row[key] for key in extra),
            f"{row['images']}",
        ]
        for row in rows(report)
    ]
    text = table(["metric", "better", *versions, *extra, "images"], lines)
    return "\n\n".join([text, *notes(report)])


def notes(report: Mapping) -> list[str]:
    """What a reader of the table must know, a sentence each."""
    left_out = (_left_out(summary) for summary in report["metrics"].values())
    return [*filter(None, left_out), *report["notes"]]


def _left_out(summary: Mapping) -> str:
    counts = {v: n for v, n in summary["not_finite"].items() if v not in summary["perfect"]}
    # Equal in every column: the metric is not for these originals, as the number of images tells.
    if len(set(counts.values())) <= 1:
        return ""
    counts = {version: n for version, n in counts.items() if n}
    each = ", ".join(f"{version} {n}" for version, n in counts.items())
    return (
        f"{summary['label']} is not defined or infinite for some images ({each}); "
        "its means are over the images where it is finite in every column."
    )


def _parsing(parsing: Mapping, version: str) -> str:
    lines = []
    for label, values in parsing["per_class"].items():
        share = 100 * values["reference_share"]
        lines.append([label, _number(values["iou"], 3), f"{share:.2f}"])
    text = table(["parsing class", "IoU", "% of reference pixels"], lines)
    return (
        f"Parsing of the degraded inputs by {version}: mIoU {_number(parsing['mean_iou'], 3)} over "
        f"the {parsing['classes_present']} classes present in the reference maps, pixel accuracy "
        f"{_number(parsing['pixel_accuracy'], 3)}, {parsing['images']} images.\n\n{text}"
    )


def _number(value: float | None, digits: int, sign: str = "") -> str:
    return "n/a" if value is None else f"{value:{sign}.{digits}f}"


def table(header: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(
        "| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *lines]
    )
