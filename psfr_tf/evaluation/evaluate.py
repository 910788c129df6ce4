"""Runs metrics over samples, one at a time, and writes the report."""

import csv
import math
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from tqdm import tqdm

import psfr_tf
from psfr_tf.errors import UserError
from psfr_tf.evaluation.aggregate import MetricSummary
from psfr_tf.evaluation.contact_sheet import draw_contact_sheet, evenly_spaced
from psfr_tf.evaluation.samples import Sample, SampleSource
from psfr_tf.evaluation.table import markdown
from psfr_tf.files import atomic_path, write_json, write_png, write_text
from psfr_tf.labels import LABELS, colorize
from psfr_tf.metrics import ImageMetric, ParsingIoU

SHEET_FACES = 8


def evaluate(
    source: SampleSource,
    metrics: Sequence[ImageMetric],
    output: Path,
    settings: dict,
    save_images: bool = False,
) -> dict:
    """Measures every sample and writes the result to a folder.

    Memory does not grow with the number of images: values go to the CSV as they come, and the
    summaries are running sums.

    Args:
        source: the samples; one that cannot be read is named and left out.
        metrics: what to measure on each version of a sample.
        output: folder, made if absent, for `report.json`, `table.md`, `per_image.csv` and
            `contact_sheet.png` (8 faces evenly spaced over the samples).
        settings: how the samples were made, for the report.
        save_images: also write each restored picture to `restored/NAME.png`.

    Returns:
        The report, as written to `report.json`.

    Raises:
        UserError: if no sample could be measured.
        OSError: if the output folder cannot be written.
    """
    (output / "restored" if save_images else output).mkdir(parents=True, exist_ok=True)
    with atomic_path(output / "per_image.csv") as table:
        report, rows = _measure(source, metrics, table, output if save_images else None)
    report = {"command": "evaluate", "settings": settings, "software": _software(), **report}
    write_json(output / "report.json", report)
    write_text(output / "table.md", markdown(report))
    write_png(output / "contact_sheet.png", draw_contact_sheet(rows))
    return report


def _measure(
    source: SampleSource,
    metrics: Sequence[ImageMetric],
    table: Path,
    images_to: Path | None,
) -> tuple[dict, list[dict[str, np.ndarray]]]:
    """One pass over the samples; returns the report and the rows of the contact sheet."""
    problems = list(source.problems)
    for problem in problems:
        _tell(problem)
    summaries = {metric.name: MetricSummary(metric, source.versions) for metric in metrics}
    iou, measured, with_parsing = ParsingIoU(), 0, 0
    rows, shown = [], set(evenly_spaced(len(source.names), SHEET_FACES))
    columns = [f"{metric.name}_{version}" for metric in metrics for version in source.versions]
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", *columns])
        for index in tqdm(range(len(source.names)), unit="image", disable=None):
            try:
                sample = source.load(index)
            except UserError as error:
                problems.append(str(error))
                _tell(str(error))
                continue
            values = _values(sample, metrics)
            for name, of_versions in values.items():
                summaries[name].update(of_versions)
            writer.writerow([sample.name, *_cells(values)])
            if sample.parsing is not None and sample.reference_parsing is not None:
                iou.update(sample.parsing, sample.reference_parsing)
                with_parsing += 1
            if images_to:
                write_png(images_to / "restored" / f"{sample.name}.png", _restored(sample))
            if index in shown:
                rows.append(_row(sample))
            measured += 1
    if not measured:
        raise UserError("No image could be evaluated. " + " ".join(problems[:1]))
    report = {
        "images": measured,
        "versions_compared": list(source.versions),
        "metrics": {name: summary.result() for name, summary in summaries.items()},
        "parsing": _parsing_result(iou, with_parsing) if with_parsing else None,
        "problems": problems,
    }
    return report, rows


def _values(sample: Sample, metrics: Sequence[ImageMetric]) -> dict[str, dict[str, float]]:
    """The value of each metric for each version of a sample."""
    pictures = list(sample.versions.values())
    return {
        metric.name: dict(
            zip(sample.versions, metric.compare(pictures, sample.reference), strict=True)
        )
        for metric in metrics
    }


def _cells(values: dict[str, dict[str, float]]) -> list[str]:
    """CSV cells; empty where the metric is not defined, `inf` for an infinite PSNR."""
    return [
        "" if math.isnan(value) else f"{value:.6g}"
        for of_versions in values.values()
        for value in of_versions.values()
    ]


def _restored(sample: Sample) -> np.ndarray:
    return sample.versions["restored"]


def _row(sample: Sample) -> dict[str, np.ndarray]:
    """Pictures of the contact sheet, in the order of the columns."""
    row = {name: picture for name, picture in sample.versions.items() if name != "restored"}
    if sample.parsing is not None:
        row["parsing"] = colorize(sample.parsing)
    return {**row, "restored": _restored(sample), "original": sample.reference}


def _parsing_result(iou: ParsingIoU, images: int) -> dict:
    reference = iou.matrix.sum(axis=1)
    predicted = iou.matrix.sum(axis=0)
    per_class = {
        label: {
            "iou": None if math.isnan(value) else float(value),
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


def _software() -> dict[str, str]:
    packages = (
        "tensorflow",
        "keras",
        "numpy",
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
