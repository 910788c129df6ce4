"""The Markdown tables of several kinds of damage: one for each system, and its groups of faces."""

from collections.abc import Mapping, Sequence

from psfr_tf.evaluation.groups import LEAST_FACES
from psfr_tf.evaluation.table import settings, table
from psfr_tf.metrics.choice import OF_DAMAGE

ARROW = " -> "
# In the rows of groups.
_OF_GROUPS = ("psnr_face", "identity_distance")


def markdown(report: Mapping) -> str:
    """Tables of a report with several kinds of damage.

    Args:
        report: what `psfr_tf.evaluation.damage.evaluate_damages` returns.

    Returns:
        Markdown text, ending in a line break.
    """
    parts = [settings(report), *(_notes(report))]
    order = [name for name in OF_DAMAGE if name in report["metrics"]]
    order += [name for name in report["metrics"] if name not in order]
    systems = list(next(iter(report["damage"].values()))["systems"])
    for system in systems:
        parts += [f"## {system}", _damages(report, order, system)]
        parts += _groups(report, system)
    if report["metrics_left_out"]:
        lines = "\n".join(f"- {name}: {why}" for name, why in report["metrics_left_out"].items())
        parts.append(f"Metrics left out:\n\n{lines}")
    if report["problems"]:
        parts.append("Left out:\n\n" + "\n".join(f"- {line}" for line in report["problems"]))
    return "\n\n".join(parts) + "\n"


def _damages(report: Mapping, order: Sequence[str], system: str) -> str:
    header = ["damage"]
    for name in order:
        metric = report["metrics"][name]
        unit = f" ({metric['unit']})" if metric["unit"] else ""
        header.append(metric["label"] + unit)
        header += ["worst 5 %"] if metric["unit"] == "dB" else []
    lines = []
    for entry in report["damage"].values():
        line = [entry["label"]]
        for name in order:
            line += _cells(entry["systems"][system][name], report["metrics"][name]["unit"])
        lines.append(line)
    return table(header, lines)


def _cells(values: Mapping, unit: str) -> list[str]:
    if not values["images"]:
        return ["n/a", "n/a"] if unit == "dB" else ["n/a"]
    if unit != "dB":
        digits = 2 if unit else 3
        return [ARROW.join(f"{values[key]:.{digits}f}" for key in ("in", "out"))]
    ends = [
        "perfect" if values[f"equal_{key}"] == values["images"] else f"{values[key]:.1f}"
        for key in ("in", "out")
    ]
    return [ARROW.join(ends), _worst(values)]


def _worst(values: Mapping) -> str:
    perfect = values["equal_in"] == values["images"]
    return f"{values['worst']:.1f}" if perfect else f"{values['worst']:+.1f}"


def _groups(report: Mapping, system: str) -> list[str]:
    """The table of groups; nothing where no group is large enough or nothing fits in it."""
    shown = [name for name in _OF_GROUPS if name in report["metrics"]]
    groups = {
        label: group for label, group in report["groups"].items() if group["images"] >= LEAST_FACES
    }
    if not groups or "psnr_face" not in shown:
        return []
    header = ["faces", "n", *(entry["label"] for entry in report["damage"].values())]
    lines = [
        [
            label,
            str(group["images"]),
            *(
                " / ".join(_of_group(summaries[name]) for name in shown)
                for summaries in group["systems"][system].values()
            ),
        ]
        for label, group in groups.items()
    ]
    what = "Change of PSNR inside the face in dB (of undamaged faces the PSNR itself)"
    if len(shown) > 1:
        what += " / identity distance of the result"
    return [f"{what}, by group:", table(header, lines)]


def _of_group(values: Mapping) -> str:
    if not values["images"]:
        return "n/a"
    if "equal_in" not in values:
        return f"{values['out']:.3f}"
    if values["equal_in"] < values["images"]:
        return f"{values['out'] - values['in']:+.1f}"
    return "perfect" if values["equal_out"] == values["images"] else f"{values['out']:.1f}"


def _notes(report: Mapping) -> list[str]:
    notes = list(report["notes"])
    if any(metric["unit"] == "dB" for metric in report["metrics"].values()):
        notes.append(
            "Cells read input -> result. Worst 5 %: mean over the worst twentieth of the faces of "
            "the change in dB, or of the PSNR itself where all inputs are perfect. A PSNR counts "
            "up to 60 dB."
        )
    fewer = {
        metric["label"]: least
        for name, metric in report["metrics"].items()
        if (
            least := min(
                summaries[name]["images"]
                for entry in report["damage"].values()
                for summaries in entry["systems"].values()
            )
        )
        < report["images"]
    }
    notes += [
        f"{label} is not defined for every face; it is over {count} or more of {report['images']}."
        for label, count in fewer.items()
    ]
    small = [
        f"{label} ({group['images']})"
        for label, group in report["groups"].items()
        if group["images"] < LEAST_FACES
    ]
    if small:
        notes.append(f"Groups of fewer than {LEAST_FACES} faces are left out: {', '.join(small)}.")
    return notes
