"""Pictures of Figures 6 and 7: rows of faces, and the numbers as bars or curves."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from psfr_tf.evaluation.contact_sheet import draw_contact_sheet
from psfr_tf.evaluation.systems import ComparedFaces
from psfr_tf.files import write_png

KINDS = ("LQ", "parsing", "both")
COLOURS = {"LQ": "#1b9e77", "parsing": "#7570b3", "both": "#d95f02"}


def write_scale_figure(
    path: Path, report: Mapping, source: ComparedFaces, shown: Sequence[int], sizes: Sequence[int]
) -> None:
    """Faces with the inputs up to each scale; below, what leaving one scale out costs."""
    columns = ["input", "none", *(f"up to {size}" for size in sizes)]
    rows = []
    for index in shown:
        sample = source.load(index)
        rows.append(
            {**{name: sample.versions[name] for name in columns}, "original": sample.reference}
        )
    sheet = draw_contact_sheet(rows, cell=192)

    figure, axes = _axes(sheet.shape[1], report)
    for axis, summary in zip(axes, report["metrics"].values(), strict=True):
        whole = summary["mean"][f"up to {sizes[-1]}"]
        for offset, kind in enumerate(KINDS):
            values = [summary["mean"][f"without {kind} at {size}"] for size in sizes]
            heights = [np.nan if None in (v, whole) else v - whole for v in values]
            places = np.arange(len(sizes)) + 0.27 * (offset - 1)
            axis.bar(places, heights, 0.25, label=kind, color=COLOURS[kind])
        axis.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axis.axhline(0.0, color="black", linewidth=0.8)
        axis.set_xlabel("scale that is zero (px)")
        axis.set_title(f"change of {_label(summary)}", fontsize=10)
    axes[0].legend()
    write_png(path, np.concatenate([sheet, _drawn(figure, sheet.shape[1])]))


def write_factor_figure(
    path: Path, report: Mapping, source: ComparedFaces, shown: Sequence[int], factors: Sequence[int]
) -> None:
    """For each face a row of inputs and a row of results; below, the metrics by factor."""
    rows = []
    for index in shown:
        sample = source.load(index)
        for kind in ("input", "restored"):
            pictures = {f"x{k}": sample.versions[f"x{k} {kind}"] for k in factors}
            rows.append({**pictures, "original": sample.reference})
    sheet = draw_contact_sheet(rows, cell=192)

    figure, axes = _axes(sheet.shape[1], report)
    for axis, summary in zip(axes, report["metrics"].values(), strict=True):
        for kind, colour in (("input", "#888888"), ("restored", "#1b9e77")):
            values = [summary["mean"][f"x{k} {kind}"] for k in factors]
            values = [np.nan if value is None else value for value in values]
            axis.plot(range(len(factors)), values, marker="o", label=kind, color=colour)
        axis.set_xticks(range(len(factors)), [f"x{k}" for k in factors])
        axis.set_xlabel("up-scaling factor")
        axis.set_title(_label(summary), fontsize=10)
    axes[0].legend()
    write_png(path, np.concatenate([sheet, _drawn(figure, sheet.shape[1])]))


def _label(summary: Mapping) -> str:
    unit = f" ({summary['unit']})" if summary["unit"] else ""
    direction = "higher" if summary["higher_is_better"] else "lower"
    return f"{summary['label']}{unit}, {direction} is better"


def _axes(width: int, report: Mapping):
    """A figure `width` pixels wide with one drawing per metric, two or three in a row."""
    from matplotlib.figure import Figure

    count = len(report["metrics"])
    columns = 2 if count == 4 else min(3, count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width / 100, 3.0 * rows), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes[:count]


def _drawn(figure, width: int) -> np.ndarray:
    """The figure as uint8 RGB, exactly `width` pixels wide."""
    data = io.BytesIO()
    figure.savefig(data, format="png")
    image = Image.open(data).convert("RGB")
    canvas = Image.new("RGB", (width, image.height), "white")
    canvas.paste(image)
    return np.asarray(canvas)
