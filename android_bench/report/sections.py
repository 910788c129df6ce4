"""What a report shows, whatever its form: one section for each network, and the words in it."""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from psfr_tf.android_bench.plan import ACCELERATORS, setting
from psfr_tf.android_bench.report.charts import draw
from psfr_tf.android_bench.report.words import decibels, milliseconds, name, quality, typical
from psfr_tf.android_bench.results import Results, Row, picture_file
from psfr_tf.report.charts import PRECISIONS, variable
from psfr_tf.report.table import Markup, Table

HEADER = [
    *("precision", "delegate", "threads", "MB", "init ms", "first ms", "p50 ms", "p90 ms"),
    *("p99 ms", "peak MB", "delegated", "PSNR dB", "labels %", "valid"),
]

# Settings that a headline names beside the fastest.
_NAMED = 2


@dataclass(frozen=True)
class Section:
    """One network (weights and part, or a file of another project).

    Attributes:
        title: such as "psfr-mobile-256 restorer".
        slug: of the title, for file names.
        summary: the fastest valid row with its noise, and those that are as fast within it; ""
            without one.
        charts: SVG elements by name: scatter, latency, memory, sustained.
        rows: with the number of their results.
        pictures: captions by path, relative to the report: input, reference, outputs.
    """

    title: str
    slug: str
    summary: str
    charts: dict[str, str]
    rows: list[tuple[int, Row]]
    pictures: dict[str, str]


def sections(results: Sequence[Results], folder: Path) -> list[Section]:
    """The sections of a report, in the order of the results.

    Args:
        results: of one or more benchmarks.
        folder: where the pictures of the first results are; others are not taken.
    """
    made = []
    for title, rows in _by_network(results).items():
        rows = sorted(rows, key=_order)
        slug = re.sub(r"[^\w]+", "_", title).strip("_")
        if len(slug) > 80:  # A name from elsewhere may be longer than a file's may be.
            slug = f"{slug[:60]}_{hashlib.sha256(title.encode()).hexdigest()[:8]}"
        charts = draw(rows, len(results) > 1)
        made.append(Section(title, slug, _summary(rows), charts, rows, _pictures(rows, folder)))
    return made


def headlines(results: Results) -> dict[str, str]:
    """`Section.summary` by title, of the networks that have one."""
    found = {title: _summary(rows) for title, rows in _by_network([results]).items()}
    return {title: summary for title, summary in found.items() if summary}


def _by_network(results: Sequence[Results]) -> dict[str, list[tuple[int, Row]]]:
    groups: dict[str, list[tuple[int, Row]]] = {}
    for number, each in enumerate(results):
        for row in each.rows:
            title = f"{row.weights} {row.part}" if row.weights and row.part else row.model
            groups.setdefault(title, []).append((number, row))
    return groups


def device_name(results: Results) -> str:
    return f"{results.device.get('name', 'unknown device')}"


def table(section: Section, several: bool, reasons: bool = False) -> Table:
    """The rows of a section.

    Args:
        section: the section.
        several: whether the rows are of several results, whose numbers come first then.
        reasons: with a line below each row that is not valid, and the colors of the charts.
    """
    rows, kinds = [], []
    for number, row in section.rows:
        cells_ = cells(row)
        if reasons:
            dot = f'<span class="dot" style="background:{variable(row.precision)}"></span>'
            cells_[0] = Markup(dot + escape(cells_[0]))
        rows.append([f"{number + 1}."] * several + cells_)
        kinds.append("" if row.valid else "invalid")
        if reasons and row.reasons:
            rows.append(["; ".join(row.reasons)])
            kinds.append("why")
    return Table([""] * several + HEADER, rows, kinds)


def cells(row: Row) -> list[str]:
    """The texts of a row, under `HEADER`; "" for what is not known."""
    accuracy = row.accuracy
    return [
        name(row),
        row.delegate
        + (f" ({row.affinity})" if row.affinity != "all" else "")
        + (f", {row.sustained_minutes:g} min" if row.sustained_minutes else ""),
        str(row.threads) if row.delegate not in ACCELERATORS else "",
        f"{row.size_bytes / 1e6:.2f}",
        milliseconds(row.init_ms),
        milliseconds(row.first_ms),
        typical(row),
        milliseconds(row.p90_ms),
        milliseconds(row.p99_ms),
        f"{row.peak_memory_kb / 1024:.0f}" if row.peak_memory_kb is not None else "",
        f"{row.delegated_nodes} of {row.nodes}" if row.delegated_nodes is not None else "",
        decibels(accuracy.psnr_db) if accuracy else "",
        f"{100 * accuracy.equal_labels:.2f}"
        if accuracy and accuracy.equal_labels is not None
        else "",
        "yes" if row.valid else "no",
    ]


def device_facts(results: Results) -> list[tuple[str, str]]:
    """What the results say about the device, in words."""
    facts = []
    for key, value in results.device.items():
        if key.endswith("_kb") and isinstance(value, int) and value:
            key, value = key[:-3], f"{value / 1024**2:.1f} GiB"
        facts.append((key.replace("_", " "), value))
    runs = results.plan.runs
    facts += [
        ("psfr_tf", results.psfr_tf),
        ("measured", f"{results.created[:10]} {results.created[11:16]} UTC"),
        (
            "runs",
            f"{results.plan.processes} processes, each at least {runs.min_runs} runs and "
            f"{runs.min_seconds:g} s after {runs.warm_up_runs} to warm up",
        ),
    ]
    return [(key, _words(value)) for key, value in facts if value not in (None, "", [], {})]


def _words(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _order(item: tuple[int, Row]) -> tuple:
    number, row = item
    place = PRECISIONS.index(row.precision) if row.precision in PRECISIONS else len(PRECISIONS)
    return (
        place,
        number,
        row.delegate not in ACCELERATORS,
        row.delegate == "cpu",
        row.delegate,
        row.threads,
    )


def _summary(rows: Sequence[tuple[int, Row]]) -> str:
    valid = [
        (row.typical_ms, row.noise_ms or 0.0, row)
        for _, row in rows
        if row.valid and row.typical_ms and not row.sustained_minutes
    ]
    if not valid:
        return ""
    time, noise, best = min(valid, key=lambda item: item[0])
    alike = [
        f"{name(row)}, {setting(row)}"
        for other, its_noise, row in valid
        if row is not best and other - time <= math.hypot(noise, its_noise)
    ]
    if len(alike) > _NAMED + 1:
        alike = [*alike[:_NAMED], f"{len(alike) - _NAMED} others"]
    return f"{typical(best)} ms: {name(best)}, {setting(best)}{quality(best)}" + (
        f"; as fast within the noise: {'; '.join(alike)}" if alike else ""
    )


def _pictures(rows: Sequence[tuple[int, Row]], folder: Path) -> dict[str, str]:
    measured = [(row, row.accuracy) for number, row in rows if number == 0 and row.accuracy]
    shown: dict[str | None, str] = {}
    for _, accuracy in measured:
        shown.setdefault(accuracy.face_picture, "before: the damaged face")
        shown.setdefault(accuracy.reference_picture, f"reference: {accuracy.reference}")
    for row, accuracy in measured:
        shown.setdefault(accuracy.picture, f"{name(row)}, {row.delegate}{quality(row, ': ')}")
    return {path: text for path, text in shown.items() if path and picture_file(folder, path)}
