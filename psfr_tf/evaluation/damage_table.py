"""The tables of several kinds of damage: one for each system, and its groups of faces."""

from collections.abc import Mapping

from psfr_tf.evaluation.groups import LEAST_FACES
from psfr_tf.evaluation.table import document, heading
from psfr_tf.metrics.choice import OF_DAMAGE
from psfr_tf.report.table import Table

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
    parts = _notes(report)
    for system in _systems(report):
        parts += [f"## {system}", _damages(report, system).markdown(), *_groups(report, system)]
    return document(report, parts)


def damage_table(report: Mapping) -> Table:
    """The damages of all systems in one table, the name of the system first."""
    tables = {system: _damages(report, system) for system in _systems(report)}
    rows = [[system, *row] for system, table in tables.items() for row in table.rows]
    return Table(["system", *next(iter(tables.values())).header], rows)


def _systems(report: Mapping) -> list[str]:
    return list(next(iter(report["damage"].values()))["systems"])


def _damages(report: Mapping, system: str) -> Table:
    metrics = report["metrics"]
    # Stable: others keep their order at the end.
    order = sorted(metrics, key=lambda name: (*OF_DAMAGE, name).index(name))
    header = ["damage"]
    for name in order:
        header += [heading(metrics[name])] + ["worst 5 %"] * (metrics[name]["unit"] == "dB")
    lines = []
    for entry in report["damage"].values():
        line = [entry["label"]]
        for name in order:
            line += _cells(entry["systems"][system][name], metrics[name]["unit"])
        lines.append(line)
    return Table(header, lines)


def _cells(values: Mapping, unit: str) -> list[str]:
    if not values["images"]:
        return ["n/a", "n/a"] if unit == "dB" else ["n/a"]
    if unit != "dB":
        digits = 2 if unit else 3
        return [ARROW.join(f"{values[key]:.{digits}f}" for key in ("in", "out"))]
    perfect = {key: values[f"equal_{key}"] == values["images"] for key in ("in", "out")}
    ends = ["perfect" if perfect[key] else f"{values[key]:.1f}" for key in ("in", "out")]
    worst = f"{values['worst']:.1f}" if perfect["in"] else f"{values['worst']:+.1f}"
    return [ARROW.join(ends), worst]


def _groups(report: Mapping, system: str) -> list[str]:
    """The table of groups; nothing where no group is large enough or nothing fits in it."""
    shown = [name for name in _OF_GROUPS if name in report["metrics"]]
    lines = [
        [
            label,
            str(group["images"]),
            *(
                " / ".join(_of_group(summaries[name]) for name in shown)
                for summaries in group["systems"][system].values()
            ),
        ]
        for label, group in report["groups"].items()
        if group["images"] >= LEAST_FACES
    ]
    if not lines or "psnr_face" not in shown:
        return []
    what = "Change of PSNR inside the face in dB (of undamaged faces the PSNR itself)"
    if len(shown) > 1:
        what += " / identity distance of the result"
    header = ["faces", "n", *(entry["label"] for entry in report["damage"].values())]
    return [f"{what}, by group:", Table(header, lines).markdown()]


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
    for name, metric in report["metrics"].items():
        least = min(
            summaries[name]["images"]
            for entry in report["damage"].values()
            for summaries in entry["systems"].values()
        )
        if least < report["images"]:
            notes.append(
                f"{metric['label']} is not defined for every face; it is over {least} or more of "
                f"{report['images']}."
            )
    small = [
        f"{label} ({group['images']})"
        for label, group in report["groups"].items()
        if group["images"] < LEAST_FACES
    ]
    if small:
        notes.append(f"Groups of fewer than {LEAST_FACES} faces are left out: {', '.join(small)}.")
    return notes
