"""Charts as SVG elements: text as text, colours from the page's style, no script.

Colours are CSS variables, so that one drawing serves light and dark pages; `standalone` makes a
file of it that brings its own style.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# Colour of each precision: light page, dark page.
PRECISIONS = {
    "float32": ("#3b6fb6", "#7aa7e8"),
    "float16": ("#2f8f5b", "#62c48e"),
    "int8-dynamic": ("#c0443f", "#f08079"),
    "int8-weights": ("#7a5fb0", "#b29ae6"),
    "int8": ("#b7791f", "#e3b04b"),
    "other": ("#5f6b7a", "#a3b0c0"),
}
# A PSNR above it is drawn on it: the picture is the same.
_TOP_DB = 100.0
_WIDTH = 600

STYLE = (
    ":root{--ink:#1c2430;--soft:#5b6675;--line:#dfe4ea;--surface:#fff;"
    + "".join(f"--{name}:{light};" for name, (light, _) in PRECISIONS.items())
    + "}@media(prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#9aa7b6;--line:#2c3643;"
    + "--surface:#171d26;"
    + "".join(f"--{name}:{dark};" for name, (_, dark) in PRECISIONS.items())
    + "}}.chart text{font:13px system-ui,sans-serif;fill:var(--ink)}"
    ".chart .soft{fill:var(--soft);font-size:12px}.chart .end{text-anchor:end}"
    ".chart .middle{text-anchor:middle}.chart text.in{fill:var(--surface);stroke:none;"
    "font-size:11px;font-weight:600}.chart .grid{stroke:var(--line);stroke-width:1}"
    ".chart .noise{stroke:var(--ink);stroke-width:1.5}"
    ".chart .point{stroke:var(--surface);stroke-width:1.5}"
)


@dataclass(frozen=True)
class Point:
    """A row of the scatter chart; `quality_name` is the label of its axis."""

    milliseconds: float
    quality: float
    quality_name: str
    precision: str | None
    delegate: str
    threads: int
    tip: str


@dataclass(frozen=True)
class Bar:
    """A bar: the precision it belongs to, the device's number or "", its value and a note."""

    precision: str | None
    device: str
    value: float
    noise: float | None
    note: str
    tip: str


@dataclass(frozen=True)
class Line:
    """Latency over time: (minutes, ms)."""

    name: str
    precision: str | None
    points: list[tuple[float, float]]


def scatter(points: Sequence[Point]) -> str:
    """Latency (logarithmic) against quality; one symbol per row, its number of threads in it.

    Args:
        points: at least one; all with the same measure of quality.
    """
    height, left, right, top, bottom = 340, 64, 20, 10, 52
    percent = points[0].quality_name.endswith("(%)")
    values = [point.quality if percent else min(point.quality, _TOP_DB) for point in points]
    low, high = min(values), max(values)
    pad = max((high - low) * 0.12, 0.05 if percent else 2.0)
    low, high = low - pad, high + pad
    times = [point.milliseconds for point in points]
    first, last = math.log10(min(times)) - 0.08, math.log10(max(times)) + 0.08

    def x(milliseconds: float) -> float:
        return left + (math.log10(milliseconds) - first) / (last - first) * (_WIDTH - left - right)

    def y(value: float) -> float:
        return top + (high - value) / (high - low) * (height - top - bottom)

    parts = []
    for tick in _ticks(low, high):
        parts.append(_grid(left, y(tick), _WIDTH - right, y(tick)))
        parts.append(_text(left - 8, y(tick) + 4, f"{tick:g}", "soft end"))
    for tick in _log_ticks(10**first, 10**last):
        parts.append(_grid(x(tick), top, x(tick), height - bottom))
        parts.append(_text(x(tick), height - bottom + 18, f"{tick:g}", "soft middle"))
    parts.append(_text((left + _WIDTH - right) / 2, height - 12, "median latency (ms)", "middle"))
    middle = (top + height - bottom) / 2
    parts.append(
        f'<text class="middle" transform="translate(16 {middle:.1f}) rotate(-90)">'
        f"{escape(points[0].quality_name)}</text>"
    )
    for point, value in sorted(zip(points, values, strict=True), key=lambda each: -each[1]):
        parts.append(_symbol(x(point.milliseconds), y(value), point))
    legend = _legend(
        list(dict.fromkeys(point.precision for point in points)),
        list(dict.fromkeys(point.delegate for point in points)),
        height + 6,
    )
    return _svg(height + 58, "latency against quality", [*parts, legend])


def bars(title: str, items: Sequence[Bar]) -> str:
    """Horizontal bars, those of one precision together.

    Args:
        items: at least one.
    """
    left, right, step, gap, top = 104, 178, 24, 6, 36
    longest = max(bar.value + (bar.noise or 0) for bar in items)
    scale = (_WIDTH - left - right) / (longest or 1.0)
    parts = [_text(0, 18, title)]
    at, before = top, items[0].precision
    for index, bar in enumerate(items):
        if bar.precision != before or index == 0:
            at += gap * (index > 0)
            parts.append(_text(left - 10, at + 15, bar.precision or "model", "end"))
            before = bar.precision
        length = max(bar.value * scale, 1.0)
        parts.append(
            f'<rect x="{left}" y="{at + 2}" width="{length:.1f}" height="{step - 6}" rx="3" '
            f'fill="{_colour(bar.precision)}"><title>{escape(bar.tip)}</title></rect>'
        )
        end = left + length
        if bar.noise:
            start, end = left + (bar.value - bar.noise) * scale, end + bar.noise * scale
            middle = at + 2 + (step - 6) / 2
            parts.append(
                f'<path class="noise" d="M{start:.1f} {middle}H{end:.1f}m0 -4v8M{start:.1f} '
                f'{middle - 4}v8"/>'
            )
        if bar.device:
            parts.append(_text(left + 7, at + 15, bar.device, "in"))
        number = f"{bar.value:.0f}" if bar.value >= 100 else f"{bar.value:.1f}"
        parts.append(
            f'<text x="{end + 8:.1f}" y="{at + 15}">{number}'
            f'<tspan class="soft" dx="8">{escape(bar.note)}</tspan></text>'
        )
        at += step
    return _svg(at + 6, title, parts)


def lines(items: Sequence[Line]) -> str:
    """Latency over time, one line per sustained run.

    Args:
        items: at least one, each with at least one point.
    """
    height, left, right, top, bottom = 300, 64, 20, 34, 48
    longest = max(minutes for line in items for minutes, _ in line.points) or 1.0
    slowest = 1.08 * max(latency for line in items for _, latency in line.points) or 1.0

    def x(minutes: float) -> float:
        return left + minutes / longest * (_WIDTH - left - right)

    def y(latency: float) -> float:
        return top + (slowest - latency) / slowest * (height - top - bottom)

    parts = [_text(0, 18, "latency over time of sustained runs (ms)")]
    for tick in _ticks(0, slowest):
        parts.append(_grid(left, y(tick), _WIDTH - right, y(tick)))
        parts.append(_text(left - 8, y(tick) + 4, f"{tick:g}", "soft end"))
    for tick in _ticks(0, longest):
        parts.append(_text(x(tick), height - bottom + 18, f"{tick:g}", "soft middle"))
    parts.append(_text((left + _WIDTH - right) / 2, height - 10, "minutes", "middle"))
    for number, line in enumerate(items):
        path = "L".join(f"{x(minutes):.1f} {y(latency):.1f}" for minutes, latency in line.points)
        dash = ("", "6 4", "2 3", "9 3 2 3")[number % 4]
        parts.append(
            f'<path d="M{path}" fill="none" stroke="{_colour(line.precision)}" stroke-width="2" '
            f'stroke-dasharray="{dash}"><title>{escape(line.name)}</title></path>'
        )
        place = height + 8 + 20 * number
        parts.append(
            f'<path d="M{left} {place}h28" stroke="{_colour(line.precision)}" stroke-width="2" '
            f'stroke-dasharray="{dash}"/>'
        )
        parts.append(_text(left + 36, place + 4, line.name))
    return _svg(height + 8 + 20 * len(items), "latency over time", parts)


def standalone(chart: str) -> str:
    """A chart as the contents of an SVG file."""
    opening, rest = chart.split(">", 1)
    background = '<rect width="100%" height="100%" fill="var(--surface)"/>'
    named = opening.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f"{named}><style>{STYLE}</style>{background}{rest}\n"


def _svg(height: float, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="-8 -4 {_WIDTH + 16} {height + 8:.0f}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _colour(precision: str | None) -> str:
    return f"var(--{precision if precision in PRECISIONS else 'other'})"


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _grid(x0: float, y0: float, x1: float, y1: float) -> str:
    return f'<line class="grid" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'


def _symbol(x: float, y: float, point: Point) -> str:
    threads = "" if point.delegate == "gpu" else _text(x, y + 4, str(point.threads), "in middle")
    return (
        f'<g class="point" fill="{_colour(point.precision)}"><title>{escape(point.tip)}</title>'
        f"{_shape(point.delegate, x, y)}{threads}</g>"
    )


def _shape(delegate: str, x: float, y: float) -> str:
    if delegate == "cpu":
        return f'<rect x="{x - 8:.1f}" y="{y - 8:.1f}" width="16" height="16"/>'
    if delegate == "gpu":
        return f'<path d="M{x:.1f} {y - 10:.1f}l10 18h-20z"/>'
    if delegate == "xnnpack-fp16":
        return f'<path d="M{x:.1f} {y - 11:.1f}l11 11l-11 11l-11 -11z"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9"/>'


def _legend(precisions: list, delegates: list[str], y: float) -> str:
    parts, x = [], 64.0
    for precision in precisions:
        name = precision or "model"
        parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="6" fill="{_colour(precision)}"/>')
        parts.append(_text(x + 11, y + 4, name, "soft"))
        x += 32 + 6.6 * len(name)
    x = 64.0
    for delegate in delegates:
        parts.append(f'<g fill="var(--soft)">{_shape(delegate, x, y + 26)}</g>')
        parts.append(_text(x + 15, y + 30, delegate, "soft"))
        x += 40 + 6.6 * len(delegate)
    parts.append(_text(x, y + 30, "number: threads", "soft"))
    return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers in an interval."""
    raw = (high - low) / 5
    unit = 10 ** math.floor(math.log10(raw))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= raw)
    first = math.ceil(low / step)
    return [round(n * step, 10) for n in range(first, math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten in an interval; more where there are fewer than three."""
    for factors in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [
            round(f * 10.0**p, 10) for p in powers for f in factors if low <= f * 10.0**p <= high
        ]
        if len(found) >= 3:
            break
    return found
