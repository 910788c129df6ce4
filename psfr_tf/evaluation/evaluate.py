"""Runs metrics over samples, one at a time, and writes the report."""

import hashlib
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from tqdm import tqdm

import psfr_tf
from psfr_tf.errors import UserError
from psfr_tf.evaluation.aggregate import MetricSummary
from psfr_tf.evaluation.contact_sheet import draw_contact_sheet, evenly_spaced
from psfr_tf.evaluation.page import write_page
from psfr_tf.evaluation.samples import Sample, SampleSource
from psfr_tf.evaluation.state import TABLE, EvaluationState
from psfr_tf.evaluation.table import markdown
from psfr_tf.files import atomic_path, write_json, write_png, write_text
from psfr_tf.labels import LABELS, NUM_CLASSES, colorize
from psfr_tf.metrics import ImageMetric, ParsingIoU
from psfr_tf.metrics.choice import Choice
from psfr_tf.metrics.fid import FeatureStatistics, RunningStatistics, frechet_distance

SHEET_FACES = 16
FEW_IMAGES_FOR_FID = 2000


def evaluate(
    source: SampleSource,
    choice: Choice,
    output: Path,
    settings: Mapping,
    save_images: bool = False,
    fid_reference: FeatureStatistics | None = None,
    notes: Sequence[str] = (),
) -> dict:
    """Measures every sample and writes the result to a folder.

    Memory does not grow with the number of images: values go to `unfinished/` in the folder as
    they come, and everything else is computed from there. An interrupted evaluation resumes
    where it was.

    Args:
        source: the samples; one that cannot be read is named and left out.
        choice: what to measure on each version of a sample.
        output: folder, made if absent, for `report.json`, `table.md`, `per_image.csv`,
            `index.html`, `contact_sheet.png` (16 faces evenly spaced over the samples) and, with
            FID, `fid_reference.npz`.
        settings: how the samples were made, for the report; JSON-ready.
        save_images: also write each version but "input" to `VERSION/NAME.png`.
        fid_reference: statistics to compute FID against; by default those of the references.
        notes: what a reader must know about the metrics, for the report.

    Returns:
        The report, as written to `report.json`.

    Raises:
        UserError: if no sample could be measured, or the folder holds an unfinished evaluation
            with other settings.
        OSError: if the output folder cannot be written.
    """
    for version_ in source.versions if save_images else ():
        if version_ != "input":
            (output / version_).mkdir(parents=True, exist_ok=True)
    state = _open_state(source, choice, output, settings, fid_reference is None)
    problems = _measure(source, choice, state, output if save_images else None, fid_reference)
    if not state.names:
        state.remove()
        raise UserError("No image could be evaluated. " + " ".join(problems[:1]))
    fid_result, fid_notes = _fid_result(source, choice, state, output, fid_reference)
    summaries = _summaries(source, choice.metrics, state)
    report = {
        "command": "evaluate",
        "settings": dict(settings),
        "software": software(),
        "images": len(state.names),
        "versions_compared": list(source.versions),
        "metrics": {name: summary.result() for name, summary in summaries.items()},
        "fid": fid_result,
        "parsing": _parsing_results(source, state),
        "metrics_left_out": dict(choice.left_out),
        "notes": [*notes, *fid_notes],
        "problems": problems,
    }
    with atomic_path(output / TABLE) as table:
        shutil.copyfile(state.table, table)
    write_json(output / "report.json", report)
    write_text(output / "table.md", markdown(report))
    shown = [state.names[k] for k in evenly_spaced(len(state.names), SHEET_FACES)]
    write_png(output / "contact_sheet.png", draw_contact_sheet(_sheet_rows(source, shown)))
    write_page(output / "index.html", report, summaries, state, source)
    state.remove()
    return report


def _open_state(
    source: SampleSource, choice: Choice, output: Path, settings: Mapping, fid_of_references: bool
) -> EvaluationState:
    columns = [f"{metric.name}_{v}" for metric in choice.metrics for v in source.versions]
    blocks: dict[str, tuple[int, type]] = {}
    if choice.fid:
        pictures = len(source.versions) + fid_of_references
        blocks["fid_features"] = (pictures * choice.fid.length, np.float32)
    if source.parsed:
        blocks["parsing"] = (len(source.parsed) * NUM_CLASSES**2, np.int32)
    names = hashlib.sha256("\n".join(source.names).encode()).hexdigest()
    key = {**settings, "columns": columns, "blocks": sorted(blocks), "names": names}
    state = EvaluationState(output / "unfinished", key, columns, blocks)
    if state.names:
        tqdm.write(f"{output}: goes on after {len(state.names)} images", file=sys.stderr)
    return state


def _measure(
    source: SampleSource,
    choice: Choice,
    state: EvaluationState,
    images_to: Path | None,
    fid_reference: FeatureStatistics | None,
) -> list[str]:
    """One pass over the samples that are not measured yet; returns the lines of what failed."""
    problems = list(source.problems)
    for problem in problems:
        _tell(problem)
    measured = set(state.names)
    for index in tqdm(range(len(source.names)), unit="image", disable=None):
        if source.names[index] in measured:
            continue
        try:
            sample = source.load(index)
        except UserError as error:
            problems.append(str(error))
            _tell(str(error))
            continue
        pictures = list(sample.versions.values())
        values = [
            value
            for metric in choice.metrics
            for value in metric.compare(pictures, sample.reference)
        ]
        blocks = {}
        if choice.fid:
            references = [] if fid_reference else [sample.reference]
            blocks["fid_features"] = choice.fid.features([*pictures, *references])
        if source.parsed:
            blocks["parsing"] = np.stack([_confusion(sample, v) for v in source.parsed])
        if images_to:
            for name, picture in sample.versions.items():
                if name != "input":
                    write_png(images_to / name / f"{sample.name}.png", picture)
        state.append(sample.name, values, blocks)
    return problems


def _confusion(sample: Sample, version_: str) -> np.ndarray:
    iou = ParsingIoU()
    iou.update(sample.parsing[version_], sample.reference_parsing)
    return iou.matrix


def _summaries(
    source: SampleSource, metrics: Sequence[ImageMetric], state: EvaluationState
) -> dict[str, MetricSummary]:
    count = len(source.versions)
    perfect = np.full(len(metrics) * count, bool(state.names))
    for _, values in state.rows():
        perfect &= np.isposinf(values)
    summaries = {
        metric.name: MetricSummary(
            metric,
            source.versions,
            [v for v, flag in zip(source.versions, perfect[k * count :], strict=False) if flag],
        )
        for k, metric in enumerate(metrics)
    }
    for _, values in state.rows():
        for k, summary in enumerate(summaries.values()):
            of_metric = values[k * count : (k + 1) * count]
            summary.update(dict(zip(source.versions, of_metric, strict=True)))
    return summaries


def _fid_result(
    source: SampleSource,
    choice: Choice,
    state: EvaluationState,
    output: Path,
    reference: FeatureStatistics | None,
) -> tuple[dict | None, list[str]]:
    """FID of each version, and what a reader must know about it."""
    if not choice.fid:
        return None, []
    if len(state.names) < 2:
        return None, ["FID is left out: it needs two images."]
    versions = list(source.versions)
    running = [RunningStatistics() for _ in range(len(versions) + (reference is None))]
    for block in state.block("fid_features"):
        for k, features in enumerate(np.split(block, len(running), axis=1)):
            running[k].update(features)
    if reference is None:
        reference = running.pop().result()
        reference.save(output / "fid_reference.npz")
    result = {
        "label": choice.fid.label,
        "unit": choice.fid.unit,
        "higher_is_better": choice.fid.higher_is_better,
        "source": choice.fid.source,
        "images": len(state.names),
        "reference_images": reference.images,
        "value": {
            name: frechet_distance(statistics.result(), reference)
            for name, statistics in zip(versions, running, strict=True)
        },
    }
    notes = []
    if len(state.names) < FEW_IMAGES_FOR_FID:
        notes.append(
            f"FID over {len(state.names)} images is biased upwards: it compares the columns of "
            "this table with each other, not with values over other numbers of images."
        )
    return result, notes


def _sheet_rows(source: SampleSource, names: Sequence[str]) -> list[dict[str, np.ndarray]]:
    """Pictures of the contact sheet, in the order of the columns."""
    places = {name: index for index, name in enumerate(source.names)}
    rows = []
    for name in names:
        sample = source.load(places[name])
        row = dict(sample.versions)
        if len(sample.parsing) == 1 and "input" in row:
            ((_, labels),) = sample.parsing.items()
            row = {"input": row.pop("input"), "parsing": colorize(labels), **row}
        rows.append({**row, "original": sample.reference})
    return rows


def _parsing_results(source: SampleSource, state: EvaluationState) -> dict[str, dict]:
    """What the models' parsing of the inputs is worth, by version."""
    if not source.parsed:
        return {}
    totals = np.zeros((len(source.parsed), NUM_CLASSES, NUM_CLASSES), np.int64)
    for block in state.block("parsing"):
        totals += block.astype(np.int64).sum(axis=0).reshape(totals.shape)
    results = {}
    for version_, matrix in zip(source.parsed, totals, strict=True):
        iou = ParsingIoU()
        iou.matrix += matrix
        results[version_] = _parsing_result(iou, len(state.names))
    return results


def _parsing_result(iou: ParsingIoU, images: int) -> dict:
    reference = iou.matrix.sum(axis=1)
    predicted = iou.matrix.sum(axis=0)
    per_class = {
        label: {
            "iou": None if np.isnan(value) else float(value),
            "reference_share": float(reference[k] / reference.sum()),
            "reference_pixels": int(reference[k]),
            "predicted_pixels": int(predicted[k]),
        }
        for k, (label, value) in enumerate(zip(LABELS, iou.per_class(), strict=True))
    }
    return {
        "mean_iou": iou.mean(),
        "classes_present": int(iou.present().sum()),
        "pixel_accuracy": iou.pixel_accuracy(),
        "images": images,
        "per_class": per_class,
    }


def software() -> dict[str, str]:
    """Versions of what the numbers depend on, by package."""
    packages = (
        "tensorflow",
        "keras",
        "numpy",
        "scipy",
        "scikit-image",
        "opencv-python-headless",
        "mtcnn",
    )
    versions = {"psfr_tf": psfr_tf.__version__, "python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed as a package"
    return versions


def _tell(line: str) -> None:
    tqdm.write(f"psfr: error: {line}", file=sys.stderr)
