"""The readable forms of results: one HTML file without dependencies, and Markdown with pictures."""

from collections.abc import Sequence
from pathlib import Path

from psfr_tf import files
from psfr_tf.android_bench.report.html import html
from psfr_tf.android_bench.report.markdown import markdown
from psfr_tf.android_bench.report.sections import sections
from psfr_tf.android_bench.results import Results
from psfr_tf.report.charts import standalone

CHARTS = "charts"


def write_reports(results: Sequence[Results], output: Path) -> list[Path]:
    """Write `report.html`, `report.md` and `charts/*.svg`.

    Args:
        results: of one or more benchmarks; several are shown side by side.
        output: of the first results; else there are no pictures.

    Returns:
        Paths of the HTML and the Markdown file.
    """
    parts = sections(results, output)
    (output / CHARTS).mkdir(exist_ok=True)
    for part in parts:
        for name, chart in part.charts.items():
            files.write_text(output / CHARTS / f"{part.slug}_{name}.svg", standalone(chart))
    files.write_text(output / "report.html", html(results, parts, output))
    files.write_text(output / "report.md", markdown(results, parts, CHARTS))
    return [output / "report.html", output / "report.md"]
