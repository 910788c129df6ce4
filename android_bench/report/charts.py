"""The charts of one network: latency against quality, fastest settings, memory, sustained runs."""

import math
from collections.abc import Sequence
from dataclasses import replace

from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from psfr_tf.android_bench.plan import ACCELERATORS, setting
from psfr_tf.android_bench.report.words import milliseconds, name, quality
from psfr_tf.android_bench.results import Row
from psfr_tf.report import charts

_WIDTH = 600  # in pixels
# A PSNR above it is drawn on it: the picture is the same.
_TOP_DB = 100.0
_MARKERS = {"cpu": "s", "gpu": "^", "npu": "v", "xnnpack-fp16": "D"}
_DASHES = ("-", (0, (5, 3)), (0, (2, 2)), (0, (7, 2, 2, 2)))


def draw(rows: Sequence[tuple[int, Row]], several: bool) -> dict[str, str]:
    """SVG elements by name: scatter, latency, memory, sustained; those that have something.

    Args:
        rows: of one network, with the number of their results.
        several: whether they are of several results, whose numbers stand in the bars then.
    """
    valid = [
        (n, row) for n, row in rows if row.valid and row.typical_ms and not row.sustained_minutes
    ]
    made = {}
    points = [(row, *measured) for n, row in valid if n == 0 and (measured := _measured(row))]
    if points:
        made["scatter"] = _scatter(points)
    best: dict[tuple, Row] = {}
    for number, row in valid:
        kept = best.setdefault((row.precision, number), row)
        if (row.typical_ms or math.inf) < (kept.typical_ms or math.inf):
            best[row.precision, number] = row
    latency, memory = [], []
    for (precision, number), row in best.items():
        bar = charts.Bar(
            label=precision or "model",
            color=charts.color(precision),
            value=row.typical_ms or math.inf,
            noise=row.noise_ms,
            note=setting(row),
            inside=str(number + 1) if several else "",
            tip=_tip(row),
        )
        latency.append(bar)
        if row.peak_memory_kb is not None:  # not every program prints it
            memory.append(replace(bar, value=row.peak_memory_kb / 1024, noise=None, note=""))
    if latency:
        made["latency"] = _bars("latency of the fastest valid setting (ms, line: noise)", latency)
    if memory:
        made["memory"] = _bars("peak memory of the process (MB)", memory)
    sustained = [row for _, row in rows if row.windows]
    if sustained:
        made["sustained"] = _sustained(sustained)
    return made


def _bars(title: str, items: Sequence[charts.Bar]) -> str:
    figure, (axis,) = charts.panels(_WIDTH, 46 + 25 * len(items))
    charts.bars(axis, title, items)
    return charts.svg(figure, title)


@charts.styled()
def _scatter(points: Sequence[tuple[Row, float, str]]) -> str:
    """Latency (logarithmic) against quality; one symbol per row, its number of threads in it."""
    figure, (axis,) = charts.panels(_WIDTH, 400)
    for row, value, _ in sorted(points, key=lambda point: -point[1]):
        place = (row.typical_ms, min(value, _TOP_DB))
        (mark,) = axis.plot(*place, **_mark(row.delegate, charts.color(row.precision)))
        charts.tip(mark, _tip(row))
        if row.delegate not in ACCELERATORS:
            charts.number(axis, place, str(row.threads))
    axis.set_xscale("log")
    axis.margins(0.1, 0.12)
    low, high = axis.get_xlim()
    few = high < 8 * low
    axis.xaxis.set_major_locator(LogLocator(subs=range(1, 10) if few else (1, 2, 5)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("median latency (ms)")
    axis.set_ylabel(points[0][2])
    axis.grid()
    precisions = dict.fromkeys(row.precision for row, *_ in points)
    delegates = dict.fromkeys(row.delegate for row, *_ in points)
    colors = [
        Line2D([], [], **_mark("", charts.color(each), 8), label=each or "model")
        for each in precisions
    ]
    shapes = [
        Line2D([], [], **_mark(each, charts.color("other"), 9), label=each) for each in delegates
    ]
    shapes.append(Line2D([], [], linestyle="", label="number: threads"))
    charts.legend(figure, colors, "lower")
    charts.legend(figure, shapes, "upper")
    return charts.svg(figure, "latency against quality")


@charts.styled()
def _sustained(rows: Sequence[Row]) -> str:
    """Latency over time, one line per sustained run."""
    title = "latency over time of sustained runs (ms)"
    figure, (axis,) = charts.panels(_WIDTH, 320 + 20 * len(rows))
    for number, row in enumerate(rows):
        label = f"{name(row)}, {setting(row)}"
        points = [(window.elapsed_s / 60, window.p50_ms) for window in row.windows]
        style = {"color": charts.color(row.precision), "linestyle": _DASHES[number % 4]}
        (line,) = charts.lines(axis, {label: tuple(zip(*points, strict=True))}, **style)
        charts.tip(line, label)
    axis.set_ylim(0)
    axis.set_xlim(0)
    axis.set_xlabel("minutes")
    axis.set_title(title, loc="left")
    charts.legend(figure, axis.lines, "lower", columns=1)
    return charts.svg(figure, title)


def _mark(delegate: str, color: str, size: float = 15) -> dict:
    marker = {"marker": _MARKERS.get(delegate, "o"), "markersize": size}
    edge = {"markeredgecolor": charts.color("surface"), "markeredgewidth": 1.2}
    return {**marker, **edge, "markerfacecolor": color, "linestyle": ""}


def _measured(row: Row) -> tuple[float, str] | None:
    """A measure of quality and what it is."""
    accuracy = row.accuracy
    if accuracy is None:
        return None
    if accuracy.psnr_db is not None:
        return accuracy.psnr_db, "PSNR against the float32 reference (dB)"
    if accuracy.equal_labels is not None:
        return 100 * accuracy.equal_labels, "labels equal to the reference's (%)"
    return None


def _tip(row: Row) -> str:
    return f"{name(row)}, {setting(row)}: {milliseconds(row.typical_ms)} ms{quality(row)}"
