"""The tables of a report."""

import math
from collections.abc import Mapping, Sequence

from psfr_tf.report.table import Table, plain

# Beyond these many versions, they are the rows and the metrics the columns.
MOST_COLUMNS = 7


def markdown(report: Mapping) -> str:
    """An evaluation report as Markdown: metrics, then parsing if it was measured.

    Args:
        report: what `psfr_tf.evaluation.evaluate` returns.

    Returns:
        Text, ending in a line break.
    """
    parts = [metrics_table(report).markdown()]
    if len(report["versions_compared"]) > 2 and report["metrics"]:
        parts.append(differences_table(report).markdown())
    parts += notes(report)
    for versions, values in parsings(report):
        parts += [parsing_sentence(values, versions), _parsing_table(values).markdown()]
    return document(report, parts)


def document(report: Mapping, parts: Sequence[str]) -> str:
    """A Markdown document: the settings, the parts, and what was left out."""
    parts = [settings(report), *parts]
    metrics = [f"{name}: {why}" for name, why in report["metrics_left_out"].items()]
    for heading, lines in (("Metrics left out", metrics), ("Left out", report["problems"])):
        if lines:
            parts.append(f"{heading}:\n\n" + "\n".join(f"- {plain(line)}" for line in lines))
    return "\n\n".join(parts) + "\n"


def settings(report: Mapping) -> str:
    """One line: how many images, and how they were made."""
    parts = [f"{report['images']} images"]
    for key, value in report["settings"].items():
        if key in ("title", "fidelity", "weights_sha256", "networks"):
            continue
        if key == "systems":
            parts += [f"{name} = {origin}" for name, origin in value.items()]
        else:
            parts.append(f"{key} {', '.join(value) if isinstance(value, list) else value}")
    return ", ".join(parts) + "."


def rows(report: Mapping) -> list[dict]:
    """One row per metric: label, whether higher is better, values by version, images.

    With two versions also the difference and how many images improved.
    """
    result = [
        _row(summary, 2 if summary["unit"] else 4, summary["mean"])
        for summary in report["metrics"].values()
    ]
    if report["fid"]:
        result.append(_row(report["fid"], 2, report["fid"]["value"]))
    return result


def _row(summary: Mapping, digits: int, means: Mapping[str, float | None]) -> dict:
    perfect, intervals = summary.get("perfect", ()), summary.get("difference_interval", {})
    row = {
        "label": heading(summary),
        "better": "higher" if summary["higher_is_better"] else "lower",
        "means": means,
        "values": {v: "perfect" if v in perfect else number(x, digits) for v, x in means.items()},
        "images": summary["images"],
    }
    if len(means) == 2:
        before, after = means.values()
        change = None if before is None or after is None else after - before
        row["difference"] = number(change, digits, sign="+")
        row["95 % interval"] = _interval(next(iter(intervals.values()), None), digits)
        improved = list(summary.get("images_improved", {}).values())
        row["improved"] = f"{improved[0]} of {summary['images']}" if improved else ""
    return row


def metrics_table(report: Mapping) -> Table:
    """Metrics in rows and versions in columns, the other way round where these are many."""
    versions, measured = report["versions_compared"], rows(report)
    best = [
        (k, versions.index(version)) for k, row in enumerate(measured) for version in _best(row)
    ]
    if len(versions) > MOST_COLUMNS:
        header = [f"{row['label']}, {row['better']} is better" for row in measured]
        lines = [[version, *(row["values"][version] for row in measured)] for version in versions]
        return Table(["", *header], lines, best=[(column, k + 1) for k, column in best])
    extra = ["difference", "95 % interval", "improved"] if len(versions) == 2 else []
    lines = [
        [
            row["label"],
            row["better"],
            *row["values"].values(),
            *(row[key] for key in extra),
            str(row["images"]),
        ]
        for row in measured
    ]
    header = ["metric", "better", *versions, *extra, "images"]
    return Table(header, lines, best=[(k, column + 2) for k, column in best])


def differences_table(report: Mapping) -> Table:
    """Differences from the first version, with their 95 % intervals; metrics in rows."""
    first, *others = report["versions_compared"]
    lines = []
    for summary in report["metrics"].values():
        digits = 2 if summary["unit"] else 4
        cells = []
        for version in others:
            interval = _interval(summary["difference_interval"][version], digits)
            change = number(summary["difference"][version], digits, sign="+")
            cells.append(f"{change} ({interval})" if interval else change)
        lines.append([heading(summary), *cells])
    return Table([f"difference from {first} (95 % interval)", *others], lines)


def _interval(interval: Sequence[float] | None, digits: int) -> str:
    return " to ".join(number(end, digits, sign="+") for end in interval) if interval else ""


def _best(row: Mapping) -> list[str]:
    """The versions with the best value of a metric, as it is printed; none of a single version."""
    means = {version: mean for version, mean in row["means"].items() if mean is not None}
    means |= {v: math.inf for v, text in row["values"].items() if text == "perfect"}
    if len(row["values"]) < 2 or not means:
        return []
    choose = max if row["better"] == "higher" else min
    shown = row["values"][choose(means, key=means.__getitem__)]
    return [version for version in means if row["values"][version] == shown]


def notes(report: Mapping) -> list[str]:
    """What a reader of the table must know, a sentence each."""
    left_out = (_left_out(summary) for summary in report["metrics"].values())
    return [*filter(None, left_out), *report["notes"]]


def _left_out(summary: Mapping) -> str:
    counts = {v: n for v, n in summary["not_finite"].items() if v not in summary["perfect"]}
    # Equal in every column: the metric is not for these originals, as the number of images tells.
    if len(set(counts.values())) <= 1:
        return ""
    each = ", ".join(f"{version} {n}" for version, n in counts.items() if n)
    return (
        f"{summary['label']} is not defined or infinite for some images ({each}); "
        "its means are over the images where it is finite in every column."
    )


def parsings(report: Mapping) -> list[tuple[str, Mapping]]:
    """Each parsing once, with the names of the models that made it: ends share one network."""
    found: list[tuple[list[str], Mapping]] = []
    for version, values in report["parsing"].items():
        same = [names for names, others in found if others == values]
        if same:
            same[0].append(version)
        else:
            found.append(([version], values))
    return [(", ".join(names), values) for names, values in found]


def parsing_sentence(parsing: Mapping, versions: str) -> str:
    """What a model's parsing of the inputs is worth."""
    return (
        f"Parsing of the degraded inputs by {versions}: mIoU {number(parsing['mean_iou'], 3)} over "
        f"the {parsing['classes_present']} classes present in the reference maps, pixel accuracy "
        f"{number(parsing['pixel_accuracy'], 3)}, {parsing['images']} images."
    )


def _parsing_table(parsing: Mapping) -> Table:
    lines = [
        [label, number(values["iou"], 3), f"{100 * values['reference_share']:.2f}"]
        for label, values in parsing["per_class"].items()
    ]
    return Table(["parsing class", "IoU", "% of reference pixels"], lines)


def heading(metric: Mapping) -> str:
    """Label and unit."""
    return metric["label"] + (f" ({metric['unit']})" if metric["unit"] else "")


def number(value: float | None, digits: int, sign: str = "") -> str:
    """Text of a number; "n/a" for None."""
    return "n/a" if value is None else f"{value:{sign}.{digits}f}"
