"""Several kinds of damage in one table: an evaluation of each, and what they add up to."""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from psfr_tf.data.forms import FORM_LABELS
from psfr_tf.evaluation.damage_table import damage_table, markdown
from psfr_tf.evaluation.degraded import DegradedFaces
from psfr_tf.evaluation.evaluate import PER_IMAGE, evaluate, software
from psfr_tf.evaluation.groups import face_groups
from psfr_tf.evaluation.plan import Plan, Prepared
from psfr_tf.files import write_json, write_text
from psfr_tf.metrics.choice import Choice
from psfr_tf.metrics.face_region import FaceRegion
from psfr_tf.metrics.fid import FeatureStatistics
from psfr_tf.metrics.metric import ImageMetric, describe

# A larger PSNR counts as this: nobody sees the difference, and a mean stays finite when some
# faces come back bit by bit.
MOST_PSNR = 60.0
WORST_SHARE = 0.05

# The values of an evaluation: by face, then by column of its table.
Values = Mapping[str, Mapping[str, float]]


def evaluate_damages(
    plan: Plan,
    prepared: Sequence[Prepared],
    choice: Choice,
    output: Path,
    settings: Mapping,
    region: Callable[[], FaceRegion],
    save_images: bool = False,
    fid_reference: FeatureStatistics | None = None,
    notes: Sequence[str] = (),
) -> dict:
    """Measures every kind of damage in a folder of its own, and writes the table of all.

    A kind that was measured already with the same settings, metrics and versions of the software
    is taken from its folder, so that an interrupted run goes on; `evaluate` goes on within a kind.

    Args:
        plan: whose `data.degradation` is a list.
        prepared: of `prepare`.
        choice: what to measure.
        output: folder for `report.json`, `table.md`, `.csv`, `.tex` and a folder for each kind of
            damage.
        settings: for the reports, beside those of `prepared`.
        region: makes what parses an original, for the groups of faces.
        save_images, fid_reference, notes: as in `evaluate`; FID is in the report of each kind only.

    Returns:
        The report, as written to `report.json`.

    Raises:
        UserError, OSError: as `evaluate`.
    """
    damage, problems = {}, []
    values: dict[str, Values] = {}
    (output / "report.json").unlink(missing_ok=True)  # of an evaluation before this one
    for one in prepared:
        folder = output / one.form
        own = {**one.settings, **settings}
        report = _finished(folder, one, choice, own)
        if report is None:
            report = evaluate(one.source, choice, folder, own, save_images, fid_reference, notes)
        problems += [line for line in report["problems"] if line not in problems]
        values[one.form] = read_values(folder / PER_IMAGE)
        damage[one.form] = {"label": FORM_LABELS[one.form], "images": report["images"]}
    source = prepared[0].source
    before = next(s.name for s in plan.systems if s.baseline == "bicubic")
    after = [version for version in source.versions if version != before]
    for form, entry in damage.items():
        entry["systems"] = {
            version: summaries(values[form], choice.metrics, before, version) for version in after
        }
    report = {
        "command": "evaluate",
        "settings": {**prepared[0].settings, **settings, "degradation": plan.data.forms},
        "software": software(),
        "images": max(entry["images"] for entry in damage.values()),
        "input": before,
        "metrics": {metric.name: describe(metric) for metric in choice.metrics},
        "damage": damage,
        "groups": _groups(plan, prepared[0], choice, values, before, after, region()),
        "metrics_left_out": dict(choice.left_out),
        "notes": list(notes),
        "problems": problems,
    }
    write_json(output / "report.json", report)
    write_text(output / "table.md", markdown(report))
    damage_table(report).write(output)
    return report


def read_values(path: Path) -> Values:
    """The numbers of a `per_image.csv`; NaN for an empty cell."""
    with open(path, newline="", encoding="utf-8") as file:
        return {
            row.pop("name"): {
                column: float(cell) if cell else math.nan for column, cell in row.items()
            }
            for row in csv.DictReader(file)
        }


def summaries(
    values: Values, metrics: Sequence[ImageMetric], before: str, after: str
) -> dict[str, dict]:
    """What one system makes of the faces, by the name of the metric; see `summary`."""
    return {
        metric.name: summary(
            [row[f"{metric.name}_{before}"] for row in values.values()],
            [row[f"{metric.name}_{after}"] for row in values.values()],
            decibels=metric.unit == "dB",
        )
        for metric in metrics
    }


def summary(before: Sequence[float], after: Sequence[float], decibels: bool = False) -> dict:
    """Means over the faces where both values are defined.

    Args:
        before: a value for each input.
        after: the same for the results.
        decibels: whether the values are PSNRs. These are counted up to 60 dB.

    Returns:
        `images`, and the means `in` and `out` (None without images). For PSNR also how many
        inputs and results are equal to the original (`equal_in`, `equal_out`) and `worst`: the
        mean of the worst 5 % of the faces (at least one) by the change, or by the result where
        all inputs are equal to their originals.
    """
    pairs = np.array([before, after], np.float64)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    count = pairs.shape[1]
    result: dict = {"images": count}
    if decibels:
        result["equal_in"], result["equal_out"] = np.isposinf(pairs).sum(axis=1).tolist()
        pairs = np.minimum(pairs, MOST_PSNR)
    else:
        pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
        result["images"] = count = pairs.shape[1]
    means = pairs.mean(axis=1).tolist() if count else [None, None]
    result["in"], result["out"] = means
    if decibels:
        compared = pairs[1] if result["equal_in"] == count else pairs[1] - pairs[0]
        worst = np.sort(compared)[: math.ceil(WORST_SHARE * count)]
        result["worst"] = float(worst.mean()) if count else None
    return result


def _groups(
    plan: Plan,
    prepared: Prepared,
    choice: Choice,
    values: Mapping[str, Values],
    before: str,
    after: Sequence[str],
    region: FaceRegion,
) -> dict[str, dict]:
    groups = {}
    faces = cast(DegradedFaces, prepared.faces)
    for label, names in face_groups(faces, plan.data.manifests, region).items():
        chosen = {
            form: {name: of_form[name] for name in names if name in of_form}
            for form, of_form in values.items()
        }
        groups[label] = {
            "images": len(names),
            "systems": {
                version: {
                    form: summaries(rows, choice.metrics, before, version)
                    for form, rows in chosen.items()
                }
                for version in after
            },
        }
    return groups


def _finished(folder: Path, prepared: Prepared, choice: Choice, settings: Mapping) -> dict | None:
    """The report of a kind that need not be measured again."""
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        names = list(read_values(folder / PER_IMAGE))
    except (OSError, ValueError):
        return None
    source = prepared.source
    wanted = {
        "settings": dict(settings),
        "software": software(),
        "versions_compared": list(source.versions),
        "problems": list(source.problems),
    }
    same = json.loads(json.dumps(wanted)) == {key: report.get(key) for key in wanted}
    metrics = list(report.get("metrics", ())) == [metric.name for metric in choice.metrics]
    return report if same and metrics and names == list(source.names) else None
