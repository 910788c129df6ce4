"""The report of an evaluation as one HTML file: table, examples with a slider, histograms."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from psfr_tf.evaluation import table
from psfr_tf.evaluation.aggregate import MetricSummary
from psfr_tf.evaluation.systems import ComparedFaces, Sample
from psfr_tf.files import write_text
from psfr_tf.metrics.metric import describe
from psfr_tf.report import charts
from psfr_tf.report.page import page, picture_uri

EXAMPLES = 3  # best ones, and as many worst
BINS = 24
LONGEST_SIDE = 512  # of an example, in pixels
ORIGINAL = "original"
_SCRIPT = Path(__file__).with_name("compare.js")


def write_page(
    path: Path,
    report: Mapping,
    summaries: Mapping[str, MetricSummary],
    places: Sequence[int],
    source: ComparedFaces,
) -> None:
    """Writes the page: table, best and worst examples with a before/after slider, histograms.

    Examples are ranked by the first metric of the report, for the last version; their pictures
    are loaded again from `source`.

    Args:
        path: of the page.
        report: of `psfr_tf.evaluation.evaluate`.
        summaries: by the name of the metric, as in the report.
        places: in the source, of the images that these are over.
        source: of the images.
    """
    versions = report["versions_compared"]
    sides = (versions[0], versions[-1]) if len(versions) > 1 else (versions[0], ORIGINAL)
    title = str(report["settings"].get("title", "psfr evaluate"))
    swatches = "".join(
        f'<span class="dot" style="margin-left:14px;background:{charts.series(k)}"></span>'
        f"{escape(version)}"
        for k, version in enumerate(versions)
    )
    left, right = (
        f'<select id="{side}" aria-label="{side} picture">{_options(versions, chosen)}</select>'
        for side, chosen in zip(("left", "right"), sides, strict=True)
    )
    first = next(iter(summaries.values()), None)
    ranking = escape(first.metric.label) if first else "nothing"
    body = [
        f'<h1>{escape(title)}</h1><p class="soft">{escape(table.settings(report))}</p>',
        f'<div class="card">{table.metrics_table(report).html()}</div>',
        *(f'<p class="soft">{escape(line)}</p>' for line in _notes(report)),
        f"<h2>Examples</h2><p>Best and worst images of <b>{escape(versions[-1])}</b> by "
        f"{ranking}. Left of the line {left}, right of it {right}.</p>",
        *_examples(first, places, source, sides),
        f"<h2>Distributions</h2><p>Share of the images by value.{swatches}</p>",
        f'<div class="card grid">{"".join(map(_histogram, summaries.values()))}</div>',
    ]
    script = _SCRIPT.read_text(encoding="utf-8")
    write_text(path, page(title, "\n".join(body), script))


def _notes(report: Mapping) -> list[str]:
    return [
        *table.notes(report),
        *(table.parsing_sentence(values, names) for names, values in table.parsings(report)),
        *(f"{name} left out: {why}" for name, why in report["metrics_left_out"].items()),
        *(f"Left out: {problem}" for problem in report["problems"]),
    ]


def _options(versions: Sequence[str], chosen: str) -> str:
    return "".join(
        f"<option{' selected' if name == chosen else ''}>{escape(name)}</option>"
        for name in [*versions, ORIGINAL]
    )


def _examples(
    summary: MetricSummary | None,
    places: Sequence[int],
    source: ComparedFaces,
    sides: tuple[str, str],
) -> list[str]:
    """HTML of the best and the worst images, none twice; infinite values count."""
    if summary is None:
        return ["<p>No metric of single images was measured.</p>"]
    metric, values = summary.metric, summary.values[:, -1]
    worst_first = np.argsort(values if metric.higher_is_better else -values, kind="stable")
    ranked = [k for k in worst_first[::-1] if not math.isnan(values[k])]
    parts = []
    for heading, chosen in (
        ("Best", ranked[:EXAMPLES]),
        ("Worst", ranked[EXAMPLES:][-EXAMPLES:][::-1]),
    ):
        figures = [
            _figure(
                source.load(places[k]),
                f"{source.names[places[k]]}: {metric.label} {values[k]:.4g} {metric.unit}".rstrip(),
                sides,
            )
            for k in chosen
        ]
        if figures:
            parts.append(f'<h3>{heading}</h3><div class="grid">{"".join(figures)}</div>')
    return parts


def _figure(sample: Sample, caption: str, sides: tuple[str, str]) -> str:
    left, right = sides
    height, width = sample.reference.shape[:2]
    images = "".join(
        f'<img data-version="{escape(version)}" alt="{escape(version)}" '
        f'class="{"left" * (version == left)}{" right" * (version == right)}" '
        f'src="{picture_uri(picture, LONGEST_SIDE)}">'
        for version, picture in {**sample.versions, ORIGINAL: sample.reference}.items()
    )
    return (
        f'<figure><div class="stack" style="aspect-ratio:{width}/{height}">{images}</div>'
        '<input type="range" min="0" max="100" value="50" aria-label="before and after">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _histogram(summary: MetricSummary) -> str:
    caption = escape(table.heading(describe(summary.metric)))
    counted = summary.counted
    if not counted.size:
        return f"<figure><figcaption>{caption}: no finite value</figcaption></figure>"
    low, high = counted.min(), counted.max()
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    colors = [charts.series(k) for k, v in enumerate(summary.versions) if v not in summary.perfect]
    figure, (axis,) = charts.panels(360, 160)
    counts = [np.histogram(values, edges)[0] for values in counted.T]
    charts.histograms(axis, edges, list(zip(colors, counts, strict=True)))
    drawing = charts.svg(figure, summary.metric.label)
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"
