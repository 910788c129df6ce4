"""Runs metrics over samples, one at a time, and writes the report."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from tqdm import tqdm

import psfr_tf
from psfr_tf.errors import UserError
from psfr_tf.evaluation.aggregate import MetricSummary
from psfr_tf.evaluation.contact_sheet import draw_contact_sheet, evenly_spaced
from psfr_tf.evaluation.page import write_page
from psfr_tf.evaluation.state import EvaluationState
from psfr_tf.evaluation.systems import ComparedFaces
from psfr_tf.evaluation.table import markdown, metrics_table
from psfr_tf.files import write_json, write_png, write_text
from psfr_tf.labels import NUM_CLASSES, colorize
from psfr_tf.machine import describe_machine
from psfr_tf.metrics.choice import Choice
from psfr_tf.metrics.fid import FeatureStatistics, RunningStatistics, frechet_distance
from psfr_tf.metrics.metric import describe
from psfr_tf.metrics.parsing_iou import confusion, parsing_result
from psfr_tf.report.table import Table

SHEET_FACES = 16
FEW_IMAGES_FOR_FID = 2000
AT_ONCE = 64  # images whose features are in memory
PER_IMAGE = "per_image.csv"
PACKAGES = (
    *("tensorflow", "keras", "numpy", "scipy"),
    *("scikit-image", "opencv-python-headless"),
)


def evaluate(
    source: ComparedFaces,
    choice: Choice,
    output: Path,
    settings: Mapping,
    save_images: bool = False,
    fid_reference: FeatureStatistics | None = None,
    notes: Sequence[str] = (),
) -> dict:
    """Measures every sample and writes the result to a folder.

    Memory holds the values of the images, never their pictures: values go to `unfinished/` in the
    folder as they come, and everything else is computed from there. An interrupted evaluation
    resumes.

    Args:
        source: the samples; one that cannot be read is named and left out.
        choice: what to measure on each version of a sample.
        output: folder, made if absent, for `report.json`, `table.md`, `.csv` and `.tex`,
            `per_image.csv`, `index.html`, `contact_sheet.png` (16 faces evenly spaced over the
            samples) and, with FID, `fid_reference.npz`.
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
    (output / "report.json").unlink(missing_ok=True)  # of an evaluation before this one
    problems = _measure(source, choice, state, output if save_images else None, fid_reference)
    if not state.places:
        state.remove()
        raise UserError("No image could be evaluated. " + " ".join(problems[:1]))
    records, places = state.records(), state.places
    fid_result, fid_notes = _fid_result(source, choice, records, output, fid_reference)
    summaries = {
        metric.name: MetricSummary(metric, source.versions, records["values"][:, k])
        for k, metric in enumerate(choice.metrics)
    }
    report = {
        "command": "evaluate",
        "settings": dict(settings),
        "software": software(),
        "images": len(places),
        "versions_compared": list(source.versions),
        "metrics": {name: summary.result() for name, summary in summaries.items()},
        "fid": fid_result,
        "parsing": {
            version_: parsing_result(records["parsing"][:, k].sum(0, np.int64), len(records))
            for k, version_ in enumerate(source.parsed)
        },
        "metrics_left_out": dict(choice.left_out),
        "notes": [*notes, *fid_notes],
        "problems": problems,
    }
    write_text(output / PER_IMAGE, _values(source, choice, records).csv())
    write_json(output / "report.json", report)
    write_text(output / "table.md", markdown(report))
    metrics_table(report).write(output)
    shown = [places[k] for k in evenly_spaced(len(places), SHEET_FACES)]
    write_png(output / "contact_sheet.png", draw_contact_sheet(_sheet_rows(source, shown)))
    write_page(output / "index.html", report, summaries, places, source)
    state.remove()
    return report


def _open_state(
    source: ComparedFaces, choice: Choice, output: Path, settings: Mapping, fid_of_references: bool
) -> EvaluationState:
    fields: dict[str, tuple[tuple[int, ...], type]] = {}
    fields["values"] = (len(choice.metrics), len(source.versions)), np.float64
    if choice.fid:
        pictures = len(source.versions) + fid_of_references
        fields["fid_features"] = ((pictures, choice.fid.length), np.float32)
    if source.parsed:
        fields["parsing"] = ((len(source.parsed), NUM_CLASSES, NUM_CLASSES), np.int32)
    names = hashlib.sha256("\n".join(source.names).encode()).hexdigest()
    columns = [[metric.name for metric in choice.metrics], source.versions]
    key = {**settings, "columns": columns, "fields": sorted(fields), "names": names}
    state = EvaluationState(output / "unfinished", key, fields)
    if state.places:
        tqdm.write(f"{output}: goes on after {len(state.places)} images", file=sys.stderr)
    return state


def _measure(
    source: ComparedFaces,
    choice: Choice,
    state: EvaluationState,
    images_to: Path | None,
    fid_reference: FeatureStatistics | None,
) -> list[str]:
    """One pass over the samples that are not measured yet; returns the lines of what failed."""
    problems = list(source.problems)
    for problem in problems:
        _tell(problem)
    measured = set(state.places)
    for index in tqdm(range(len(source.names)), unit="image", disable=None):
        if index in measured:
            continue
        try:
            sample = source.load(index)
        except UserError as error:
            problems.append(str(error))
            _tell(str(error))
            continue
        pictures = list(sample.versions.values())
        numbers: dict[str, Any] = {
            "values": [metric.compare(pictures, sample.reference) for metric in choice.metrics]
        }
        if choice.fid:
            references = [] if fid_reference else [sample.reference]
            numbers["fid_features"] = choice.fid.features([*pictures, *references])
        if source.parsed:
            expected = cast(np.ndarray, sample.reference_parsing)
            numbers["parsing"] = [confusion(sample.parsing[v], expected) for v in source.parsed]
        if images_to:
            for name, picture in sample.versions.items():
                if name != "input":
                    write_png(images_to / name / f"{sample.name}.png", picture)
        state.append(index, numbers)
    return problems


def _values(source: ComparedFaces, choice: Choice, records: np.ndarray) -> Table:
    """A row for each image; empty where a value is not defined, `inf` for an infinite PSNR."""
    columns = [f"{metric.name}_{v}" for metric in choice.metrics for v in source.versions]
    rows = [
        [
            source.names[record["place"]],
            *("" if np.isnan(value) else f"{value:.10g}" for value in record["values"].ravel()),
        ]
        for record in records
    ]
    return Table(["name", *columns], rows)


def _fid_result(
    source: ComparedFaces,
    choice: Choice,
    records: np.ndarray,
    output: Path,
    reference: FeatureStatistics | None,
) -> tuple[dict | None, list[str]]:
    """FID of each version, and what a reader must know about it."""
    images = len(records)
    if not choice.fid:
        return None, []
    if images < 2:
        return None, ["FID is left out: it needs two images."]
    running = [RunningStatistics() for _ in range(records["fid_features"].shape[1])]
    for start in range(0, images, AT_ONCE):
        features = records["fid_features"][start : start + AT_ONCE]
        for k, statistics in enumerate(running):
            statistics.update(features[:, k])
    if reference is None:
        reference = running.pop().result()
        reference.save(output / "fid_reference.npz")
    result = {
        **describe(choice.fid),
        "images": images,
        "reference_images": reference.images,
        "value": {
            name: frechet_distance(statistics.result(), reference)
            for name, statistics in zip(source.versions, running, strict=True)
        },
    }
    notes = []
    if images < FEW_IMAGES_FOR_FID:
        notes.append(
            f"FID over {images} images is biased upwards: it compares the columns of "
            "this table with each other, not with values over other numbers of images."
        )
    return result, notes


def _sheet_rows(source: ComparedFaces, places: Sequence[int]) -> list[dict[str, np.ndarray]]:
    """Pictures of the contact sheet, in the order of the columns."""
    rows = []
    for place in places:
        sample = source.load(place)
        row = dict(sample.versions)
        if len(sample.parsing) == 1 and "input" in row:
            ((_, labels),) = sample.parsing.items()
            row = {"input": row.pop("input"), "parsing": colorize(labels), **row}
        rows.append({**row, "original": sample.reference})
    return rows


def software() -> dict[str, str | None]:
    """Versions of what the numbers depend on, by package."""
    described = describe_machine(*PACKAGES)
    return {"psfr_tf": psfr_tf.__version__, **{k: described[k] for k in ("python", *PACKAGES)}}


def _tell(line: str) -> None:
    tqdm.write(f"psfr: error: {line}", file=sys.stderr)
