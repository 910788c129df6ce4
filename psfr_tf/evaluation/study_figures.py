"""Pictures of Figures 6 and 7: rows of faces, and below them the numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from psfr_tf.evaluation.contact_sheet import draw_contact_sheet
from psfr_tf.evaluation.table import heading
from psfr_tf.files import write_png
from psfr_tf.report import charts


@charts.styled()
def write_figure(
    path: Path,
    report: Mapping,
    rows: Sequence[Mapping[str, np.ndarray]],
    draw: Callable[[charts.Axes, Mapping[str, float | None]], None],
) -> None:
    """Write faces, and below them a panel for each metric.

    Args:
        path: of the PNG file.
        report: of an evaluation.
        rows: of faces, as in `draw_contact_sheet`.
        draw: draws the means of a metric by version, with labels for a legend.
    """
    sheet = draw_contact_sheet(rows, cell=192)
    count = len(report["metrics"])
    columns = 2 if count == 4 else min(3, count)
    lines = math.ceil(count / columns)
    figure, axes = charts.panels(sheet.shape[1], 300 * lines, lines, columns, count)
    for axis, summary in zip(axes, report["metrics"].values(), strict=True):
        means = {v: np.nan if mean is None else mean for v, mean in summary["mean"].items()}
        draw(axis, means)
        direction = "higher" if summary["higher_is_better"] else "lower"
        axis.set_title(f"{axis.get_title()}{heading(summary)}, {direction} is better")
    axes[0].legend()
    write_png(path, np.concatenate([sheet, charts.pixels(figure)]))
