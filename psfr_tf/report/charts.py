"""Charts on matplotlib: PNG pictures, or SVG elements whose colors are those of the page.

An SVG has text as text, and every color of `THEME` as a CSS variable, so that one drawing serves
light and dark pages; `standalone` makes a file of it that brings its own style.
"""

import io
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from psfr_tf.files import atomic_path

# Colors on light and dark pages.
THEME = {
    "ink": ("#1c2430", "#e8edf3"),
    "soft": ("#5b6675", "#9aa7b6"),
    "line": ("#dfe4ea", "#2c3643"),
    "surface": ("#ffffff", "#171d26"),
    "float32": ("#3b6fb6", "#7aa7e8"),
    "float16": ("#2f8f5b", "#62c48e"),
    "int8-dynamic": ("#c0443f", "#f08079"),
    "int8-weights": ("#7a5fb0", "#b29ae6"),
    "int8": ("#b7791f", "#e3b04b"),
    "other": ("#5f6b7a", "#a3b0c0"),
}
PRECISIONS = tuple(THEME)[4:-1]
# Of things compared that are not precisions: the first is what the others are compared with.
SERIES = ("#888888", "#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#66a61e", "#a6761d")
LONGEST_LABEL = 40
_LIGHT = {name: light for name, (light, _) in THEME.items()}
_NAMES = {light: f"var(--{name})" for name, light in _LIGHT.items()}
_VARIABLES = ["".join(f"--{name}:{pair[k]};" for name, pair in THEME.items()) for k in (0, 1)]
STYLE = (
    f":root{{{_VARIABLES[0]}}}@media(prefers-color-scheme:dark){{:root{{{_VARIABLES[1]}}}}}"
    ".chart text{font:9px system-ui,'DejaVu Sans',sans-serif;fill:var(--ink)}"
    ".chart *{stroke-linejoin:round;stroke-linecap:butt}"
)
_STYLE_FILE = Path(__file__).with_name("charts.mplstyle")
_RC = matplotlib.rc_params_from_file(_STYLE_FILE, use_default_template=False)


def styled():
    """Context, or decorator, in which matplotlib draws as this module does."""
    return matplotlib.rc_context(_RC)


@dataclass(frozen=True)
class Bar:
    """A horizontal bar.

    Attributes:
        label: left of it; bars of one label stand together.
        color: one of `THEME` or `SERIES`.
        value: its length, at least 0.
        noise: drawn to both sides of its end; None for none.
        note: after its value.
        inside: in the bar, at its start.
        tip: shown when the pointer is on it.
    """

    label: str
    color: str
    value: float
    noise: float | None = None
    note: str = ""
    inside: str = ""
    tip: str = ""


def color(name: str | None) -> str:
    """Of a precision, or what else `THEME` has."""
    return _LIGHT.get(name or "other", _LIGHT["other"])


def variable(name: str | None) -> str:
    """The same on a page, as CSS."""
    return _NAMES[color(name)]


@styled()
def panels(
    width: int, height: int, rows: int = 1, columns: int = 1, count: int | None = None
) -> tuple[Figure, Sequence[Axes]]:
    """A figure, `width` x `height` pixels in a PNG, and its first `count` (all) panels."""
    figure = Figure(
        figsize=((width + 0.01) / 100, (height + 0.01) / 100), dpi=100, layout="constrained"
    )
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[count:] if count is not None else ():
        axis.remove()
    return figure, axes[:count]


@styled()
def bars(axis: Axes, title: str, items: Sequence[Bar]) -> None:
    """Draw bars from top to bottom, each with its value at the end.

    Args:
        axis: where.
        title: the quantity and its unit.
        items: at least one.
    """
    labels = [bar.label for bar in items]
    together = len(set(labels)) < len(labels)
    places: list[float] = []
    at, before = 0.0, None
    for bar in items:
        at += 1.0 if bar.label == before or not places or not together else 1.25
        places.append(at)
        (patch,) = axis.barh(at, bar.value, 0.72, color=bar.color)
        tip(patch, bar.tip)
        if bar.noise:
            line: dict[str, Any] = {"ecolor": _LIGHT["ink"], "elinewidth": 1.2, "capsize": 2.5}
            axis.errorbar(bar.value, at, xerr=bar.noise, fmt="none", **line)
        offset: dict[str, Any] = {"textcoords": "offset points", "va": "center_baseline"}
        text = f"{bar.value:.0f}" if bar.value >= 100 else f"{bar.value:.1f}"
        written = axis.annotate(text, (bar.value + (bar.noise or 0), at), (5, 0), **offset)
        if bar.note:
            soft = {"xycoords": written, "color": _LIGHT["soft"], "fontsize": 8.5, **offset}
            axis.annotate(bar.note, (1, 0.5), (6, 0), **soft)
        if bar.inside:
            number(axis, (0, at), bar.inside, (8, 0))
        before = bar.label
    shown = ["" if k and labels[k - 1] == label else _cut(label) for k, label in enumerate(labels)]
    axis.set_yticks(places, shown, color=_LIGHT["ink"])
    axis.tick_params(left=False)
    axis.set_ylim(at + 0.6, 0.4)
    axis.set_xlim(0, max(bar.value + (bar.noise or 0) for bar in items) or 1.0)
    axis.xaxis.set_visible(False)
    axis.spines[:].set_visible(False)
    axis.set_title(title, loc="left")


def write_bars(
    path: Path,
    title: str,
    rows: Sequence[tuple[str, str]],
    quantities: Mapping[str, Sequence[float]],
) -> None:
    """Write a picture with a panel of bars for each quantity.

    Args:
        path: of the PNG file.
        title: above the panels.
        rows: label and color of each row.
        quantities: a value for each row, by the quantity with its unit.
    """
    figure, axes = panels(110 + 310 * len(quantities), 90 + 26 * len(rows), columns=len(quantities))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=_LIGHT["ink"])
    for axis, (quantity, values) in zip(axes, quantities.items(), strict=True):
        bars(axis, quantity, [Bar(*row, value) for row, value in zip(rows, values, strict=True)])
    for axis in axes[1:]:
        axis.set_yticklabels([])
    write_png(path, figure)


@styled()
def lines(axis: Axes, curves: Mapping[str, tuple], **options) -> list[Artist]:
    """Draw curves; a single point gets a marker.

    Args:
        axis: where.
        curves: x and y by the name that a legend gives them.
        options: of `Axes.plot`.
    """
    axis.grid(axis="y")
    return [
        axis.plot(x, y, **{"label": name, "marker": "o" if len(x) == 1 else None, **options})[0]
        for name, (x, y) in curves.items()
    ]


@styled()
def histograms(
    axis: Axes, edges: Sequence[float], counts: Sequence[tuple[str, np.ndarray]]
) -> None:
    """Draw the outlines of several histograms, each a color and its counts, over each other."""
    for outline, row in counts:
        axis.stairs(row, edges, color=outline, linewidth=1.3)
        axis.stairs(row, edges, color=outline, alpha=0.12, fill=True)
    axis.set_xlim(edges[0], edges[-1])
    axis.yaxis.set_visible(False)
    axis.spines["left"].set_visible(False)


def series(index: int) -> str:
    """The color of one of the things compared."""
    return SERIES[index % len(SERIES)]


def number(axis: Axes, place: tuple, text: str, offset: tuple = (0, 0)) -> None:
    """Write in the color of the page on what is drawn."""
    font: dict[str, Any] = {"color": _LIGHT["surface"], "fontsize": 8, "weight": "bold"}
    where: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center_baseline"}
    axis.annotate(text, place, offset, **font, **where)


@styled()
def legend(figure: Figure, handles: Sequence[Artist], where: str, columns: int = 7) -> None:
    """Draw a legend outside the panels, `where` they end: "lower" or "upper"."""
    columns = min(columns, len(handles))
    for handle in handles:
        handle.set_label(_cut(str(handle.get_label())))
    place: Any = f"outside {where} left"
    figure.legend(handles=handles, loc=place, ncols=columns, handletextpad=0.4)


def tip(artist: Artist, text: str) -> None:
    """Show a text when the pointer is on an artist; SVG only."""
    if text:
        artist.set_gid(f"tip:{text}")


def svg(figure: Figure, label: str) -> str:
    """The figure as an SVG element without a background.

    Args:
        figure: of `panels`.
        label: what a screen reader says.
    """
    metadata = {"Date": None, "Creator": None}
    text = _saved(figure, format="svg", transparent=True, metadata=metadata).decode()
    box = re.findall(r'viewBox="[^"]*"', text)[0]
    unneeded = r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|<clipPath.*?</clipPath>"
    text = re.sub(unneeded, "", text, flags=re.S)
    text = text[text.index(">", text.index("<svg")) + 1 :]
    # matplotlib escapes a gid as it does every attribute.
    text = re.sub(r"<g id=([\"'])tip:(.*?)\1>", r"<g><title>\2</title>", text)
    used = set(re.findall(r"#(\w+)", text))
    text = re.sub(r"<[^>]+>", lambda tag: _short(tag.group(), used), text)
    text = re.sub(r"\s*\n\s*|<defs></defs>|<g></g>|<g/>", "", text)
    return f'<svg class="chart" {box} role="img" aria-label="{escape(label)}">{text}'


def _short(tag: str, used: Collection[str]) -> str:
    """A tag with the colors of the page, and without what nobody needs."""
    tag = re.sub(r' id="([^"]*)"', lambda found: found.group() * (found.group(1) in used), tag)
    tag = re.sub("|".join(_NAMES), lambda found: _NAMES[found.group()], tag)
    # Nothing is drawn outside the axes.
    tag = re.sub(r' transform="rotate\(-0 [^"]*"|font-family: [^;"]*;?| clip-path="[^"]*"', "", tag)
    tag = re.sub(r"(?<=\.\d)\d+|; stroke-linecap: square", "", tag)
    tag = re.sub(r"([:;]) +", r"\1", re.sub(r"\s+", " ", tag)).replace('=" ', '="')
    return re.sub(r"font-size:9px;|;fill:var\(--ink\)", "", tag) if "<text" in tag else tag


def standalone(chart: str) -> str:
    """An SVG element as the contents of a file."""
    opening, rest = chart.split(">", 1)
    background = '<rect width="100%" height="100%" fill="var(--surface)"/>'
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    named = opening.replace("<svg", f"<svg {spaces}", 1)
    return f"{named}><style>{STYLE}</style>{background}{rest}\n"


def write_png(path: Path, figure: Figure) -> None:
    """Write the figure as a picture, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(_saved(figure, format="png"))


def pixels(figure: Figure) -> np.ndarray:
    """The figure as uint8 RGB [H, W, 3]."""
    return np.asarray(Image.open(io.BytesIO(_saved(figure, format="png"))).convert("RGB"))


@styled()
def _saved(figure: Figure, **options) -> bytes:
    data = io.BytesIO()
    with warnings.catch_warnings():
        # Signs that the font lacks: a browser has others.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(data, **options)
    return data.getvalue()


def _cut(label: str) -> str:
    """A label that leaves room for the chart."""
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"
