"""The report as one HTML file that needs nothing else: no network, no other file."""

import base64
import heapq
import html
import io
import math
from collections.abc import Mapping
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from psfr_tf.evaluation import table
from psfr_tf.evaluation.aggregate import MetricSummary
from psfr_tf.evaluation.samples import Sample, SampleSource
from psfr_tf.evaluation.state import EvaluationState
from psfr_tf.files import write_text

TEMPLATE = Path(__file__).with_name("page.html")
EXAMPLES = 3  # best ones, and as many worst
LONGEST_SIDE = 512  # of an example, in pixels
BINS = 24
COLOURS = ("#888888", "#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#66a61e", "#a6761d")
ORIGINAL = "original"


def write_page(
    path: Path,
    report: Mapping,
    summaries: Mapping[str, MetricSummary],
    state: EvaluationState,
    source: SampleSource,
) -> None:
    """Writes the page: table, best and worst examples with a before/after slider, histograms.

    Examples are ranked by the first metric of the report, for the last version; their pictures
    are loaded again from `source`. Memory does not grow with the number of images.
    """
    versions = report["versions_compared"]
    left, right = (versions[0], versions[-1]) if len(versions) > 1 else (versions[0], ORIGINAL)
    examples, aspect, ranking = _examples(versions, summaries, state, source, left, right)
    swatches = "".join(
        f'<span class="swatch" style="background:{_colour(k)}"></span>{html.escape(version)}'
        for k, version in enumerate(versions)
    )
    values = {
        "title": html.escape(str(report["settings"].get("title", "psfr evaluate"))),
        "settings": html.escape(table.settings(report)),
        "version_headings": "".join(f"<th>{html.escape(version)}</th>" for version in versions),
        "rows": "\n".join(_row(row, versions) for row in table.rows(report)),
        "notes": _notes(report),
        "ranked": html.escape(versions[-1]),
        "ranking": html.escape(ranking),
        "left_options": _options(versions, left),
        "right_options": _options(versions, right),
        "examples": examples,
        "aspect": aspect,
        "legend": swatches,
        "histograms": "\n".join(_histograms(versions, summaries, state)),
    }
    write_text(path, Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values))


def _row(row: Mapping, versions: list[str]) -> str:
    values = {v: row["values"][v].replace("perfect", "inf") for v in versions}
    numbers = {v: float(value) for v, value in values.items() if value != "n/a"}
    choose = max if row["higher_is_better"] else min
    best = choose(numbers.values()) if len(numbers) > 1 else None
    cells = "".join(
        f"<td{' class=best' if numbers.get(v) == best is not None else ''}>{row['values'][v]}</td>"
        for v in versions
    )
    direction = "higher" if row["higher_is_better"] else "lower"
    label = html.escape(row["label"])
    return f"<tr><td>{label}</td><td>{direction}</td>{cells}<td>{row['images']}</td></tr>"


def _notes(report: Mapping) -> str:
    lines = list(table.notes(report))
    lines += [
        f"Parsing of the degraded inputs by {version}: mIoU {values['mean_iou']:.3f}, pixel "
        f"accuracy {values['pixel_accuracy']:.3f}."
        for version, values in report["parsing"].items()
    ]
    lines += [f"{name} left out: {why}" for name, why in report["metrics_left_out"].items()]
    lines += [f"Left out: {problem}" for problem in report["problems"]]
    return "\n".join(f'<p class="note">{html.escape(line)}</p>' for line in lines)


def _options(versions: list[str], chosen: str) -> str:
    return "".join(
        f"<option{' selected' if name == chosen else ''}>{html.escape(name)}</option>"
        for name in [*versions, ORIGINAL]
    )


def _examples(
    versions: list[str],
    summaries: Mapping[str, MetricSummary],
    state: EvaluationState,
    source: SampleSource,
    left: str,
    right: str,
) -> tuple[str, str, str]:
    """HTML of the examples, width / height of the first one, and what they are ranked by."""
    if not summaries:
        return "<p>No metric of single images was measured.</p>", "1", "nothing"
    metric = next(iter(summaries.values())).metric
    ranked = [
        (values[len(versions) - 1], name)
        for name, values in _extremes(state, len(versions) - 1, metric.higher_is_better)
    ]
    places = {name: index for index, name in enumerate(source.names)}
    parts, aspect = [], "1"
    for heading, chosen in (("Best", ranked[:EXAMPLES]), ("Worst", ranked[EXAMPLES:][::-1])):
        figures = []
        for value, name in chosen:
            sample = source.load(places[name])
            height, width = sample.reference.shape[:2]
            aspect = f"{width} / {height}"
            caption = f"{name}: {metric.label} {value:.4g}{f' {metric.unit}' * bool(metric.unit)}"
            figures.append(_figure(sample, caption, left, right))
        if figures:
            parts.append(f'<h3>{heading}</h3>\n<div class="grid">\n' + "\n".join(figures))
            parts.append("</div>")
    return "\n".join(parts), aspect, metric.label


def _extremes(state: EvaluationState, column: int, higher_is_better: bool):
    """Rows of the best images, then of the worst, none twice; infinite values count."""
    sign = 1.0 if higher_is_better else -1.0

    def quality(row):
        return sign * row[1][column]

    def finite():
        return (row for row in state.rows() if not math.isnan(row[1][column]))

    best = heapq.nlargest(EXAMPLES, finite(), key=quality)
    names = {name for name, _ in best}
    worst = heapq.nsmallest(EXAMPLES, (r for r in finite() if r[0] not in names), key=quality)
    return best + worst[::-1]


def _figure(sample: Sample, caption: str, left: str, right: str) -> str:
    pictures = {**sample.versions, ORIGINAL: sample.reference}
    images = "".join(
        f'<img data-version="{html.escape(version)}" alt="{html.escape(version)}" '
        f'class="{"left" * (version == left)}{" right" * (version == right)}" '
        f'src="{_data_uri(picture)}">'
        for version, picture in pictures.items()
    )
    return (
        f'<figure><div class="stack">{images}</div>'
        '<input type="range" min="0" max="100" value="50" aria-label="before and after">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _data_uri(picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, format="JPEG", quality=92, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def _histograms(
    versions: list[str], summaries: Mapping[str, MetricSummary], state: EvaluationState
) -> list[str]:
    """One drawing per metric, from a second pass over the values."""
    counts = {name: np.zeros((len(versions), BINS), np.int64) for name in summaries}
    for _, values in state.rows():
        for k, (name, summary) in enumerate(summaries.items()):
            of_metric = values[k * len(versions) : (k + 1) * len(versions)]
            if not summary.counts(dict(zip(versions, of_metric, strict=True))):
                continue
            width = (summary.high - summary.low) / BINS or 1.0
            for j, value in enumerate(of_metric):
                if versions[j] in summary.perfect:
                    continue
                counts[name][j, min(BINS - 1, int((value - summary.low) / width))] += 1
    return [_histogram(summary, counts[name]) for name, summary in summaries.items()]


def _histogram(summary: MetricSummary, counts: np.ndarray) -> str:
    label = html.escape(summary.metric.label)
    if not summary.images:
        return f"<figure><figcaption>{label}: no finite value</figcaption></figure>"
    width, height, bottom = 320, 150, 130
    tops = bottom - 120.0 * counts / counts.max()
    lines = []
    for k, row in enumerate(tops):
        points = [f"0,{bottom}"]
        for index, top in enumerate(row):
            x = width / BINS * index
            points += [f"{x:.1f},{top:.1f}", f"{x + width / BINS:.1f},{top:.1f}"]
        points.append(f"{width},{bottom}")
        lines.append(
            f'<polyline fill="{_colour(k)}" fill-opacity="0.12" stroke="{_colour(k)}" '
            f'stroke-width="1.5" points="{" ".join(points)}"/>'
        )
    low, high = f"{summary.low:.4g}", f"{summary.high:.4g}"
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
        + "".join(lines)
        + f'<text x="0" y="146" font-size="12">{low}</text>'
        f'<text x="{width}" y="146" font-size="12" text-anchor="end">{high}</text></svg>'
        f"<figcaption>{label}</figcaption></figure>"
    )


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]
