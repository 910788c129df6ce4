"""What a report shows, whatever its form: one section for each network, and the words in it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from psfr_tf.android_bench.report import charts
from psfr_tf.android_bench.results import Results, Row

HEADER = (
    "precision",
    "delegate",
    "threads",
    "MB",
    "init ms",
    "first ms",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "peak MB",
    "delegated",
    "PSNR dB",
    "labels %",
    "valid",
)


@dataclass(frozen=True)
class Section:
    """One network (weights and part, or a file of another project).

    Attributes:
        title: such as "psfr-mobile-256 restorer".
        slug: of the title, for file names.
        summary: one sentence with the fastest valid row; "" without one.
        charts: SVG elements by name: scatter, latency, memory, sustained.
        rows: with the number of their results.
    """

    title: str
    slug: str
    summary: str
    charts: dict[str, str]
    rows: list[tuple[int, Row]]


def sections(results: Sequence[Results]) -> list[Section]:
    """The sections of a report, in the order of the results."""
    groups: dict[str, list[tuple[int, Row]]] = {}
    for number, each in enumerate(results):
        for row in each.rows:
            groups.setdefault(title(row), []).append((number, row))
    made = []
    for name, rows in groups.items():
        rows = sorted(rows, key=_order)
        slug = re.sub(r"[^\w]+", "_", name).strip("_")
        if len(slug) > 80:  # A name from elsewhere may be longer than a file's may be.
            slug = f"{slug[:60]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        made.append(Section(name, slug, _summary(rows), _charts(results, rows), rows))
    return made


def title(row: Row) -> str:
    """The network of a row, without its precision."""
    return f"{row.weights} {row.part}" if row.weights and row.part else row.model


def device_name(results: Results) -> str:
    return f"{results.device.get('name', 'unknown device')}"


def setting(row: Row) -> str:
    """How it ran: "xnnpack, 2 threads"."""
    cores = "" if row.affinity == "all" else f", {row.affinity} cores"
    threads = "" if row.delegate == "gpu" else f", {row.threads} thread{'s'[: row.threads != 1]}"
    return f"{row.delegate}{threads}{cores}"


def cells(row: Row) -> list[str]:
    """The texts of a row, under `HEADER`; "" for what is not known."""
    accuracy = row.accuracy
    return [
        row.precision or row.model,
        row.delegate
        + (f" ({row.affinity})" if row.affinity != "all" else "")
        + (f", {row.sustained_minutes:g} min" if row.sustained_minutes else ""),
        str(row.threads) if row.delegate != "gpu" else "",
        f"{row.size_bytes / 1e6:.2f}",
        milliseconds(row.init_ms),
        milliseconds(row.first_ms),
        milliseconds(row.typical_ms)
        + (f" ± {milliseconds(row.noise_ms)}" if row.noise_ms is not None else ""),
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


def milliseconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def decibels(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if value < 149.95 else "equal"


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
    precisions = list(charts.PRECISIONS)
    place = precisions.index(row.precision) if row.precision in precisions else len(precisions)
    return (place, number, row.delegate != "gpu", row.delegate == "cpu", row.delegate, row.threads)


def _summary(rows: Sequence[tuple[int, Row]]) -> str:
    valid = [row for _, row in rows if row.valid and row.typical_ms and not row.sustained_minutes]
    if not valid:
        return ""
    best = min(valid, key=lambda row: row.typical_ms)
    accuracy = best.accuracy
    quality = ""
    if accuracy and accuracy.psnr_db is not None:
        quality = f", {decibels(accuracy.psnr_db)} dB"
    return (
        f"{milliseconds(best.typical_ms)} ms: {best.precision or best.model}, {setting(best)}"
        + quality
    )


def _charts(results: Sequence[Results], rows: Sequence[tuple[int, Row]]) -> dict[str, str]:
    several = len(results) > 1
    bursts = [(n, row) for n, row in rows if row.typical_ms and not row.sustained_minutes]
    valid = [(n, row) for n, row in bursts if row.valid]
    made = {}
    points = [
        charts.Point(row.typical_ms, *quality, row.precision, row.delegate, row.threads, _tip(row))
        for n, row in valid
        if n == 0 and (quality := _quality(row))
    ]
    if points:
        made["scatter"] = charts.scatter(points)
    best: dict[tuple, Row] = {}
    for number, row in valid:
        kept = best.setdefault((row.precision, number), row)
        if row.typical_ms < kept.typical_ms:
            best[row.precision, number] = row
    if best:
        made["latency"] = charts.bars(
            "latency of the fastest valid setting (ms, line: noise)",
            [
                charts.Bar(
                    precision,
                    str(n + 1) if several else "",
                    row.typical_ms,
                    row.noise_ms,
                    setting(row),
                    _tip(row),
                )
                for (precision, n), row in best.items()
            ],
        )
        memory = [
            charts.Bar(
                precision,
                str(n + 1) if several else "",
                row.peak_memory_kb / 1024,
                None,
                "",
                _tip(row),
            )
            for (precision, n), row in best.items()
            if row.peak_memory_kb is not None  # not every program prints it
        ]
        if memory:
            made["memory"] = charts.bars("peak memory of the process (MB)", memory)
    lines = [
        charts.Line(
            f"{row.precision or row.model}, {setting(row)}",
            row.precision,
            [(window.elapsed_s / 60, window.p50_ms) for window in row.windows],
        )
        for _, row in rows
        if row.windows
    ]
    if lines:
        made["sustained"] = charts.lines(lines)
    return made


def _quality(row: Row) -> tuple[float, str] | None:
    accuracy = row.accuracy
    if accuracy is None:
        return None
    if accuracy.psnr_db is not None:
        return accuracy.psnr_db, "PSNR against the float32 reference (dB)"
    if accuracy.equal_labels is not None:
        return 100 * accuracy.equal_labels, "labels equal to the reference's (%)"
    return None


def _tip(row: Row) -> str:
    text = f"{row.precision or row.model}, {setting(row)}: {milliseconds(row.typical_ms)} ms"
    if row.accuracy and row.accuracy.psnr_db is not None:
        text += f", {decibels(row.accuracy.psnr_db)} dB"
    return text
