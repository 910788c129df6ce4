"""Two results side by side: what changed by more than the noise."""

from dataclasses import dataclass

from psfr_tf.android_bench.results import Results, Row
from psfr_tf.android_bench.statistics import change
from psfr_tf.report.table import Table

# A picture this much further from the reference is worse; the figure itself has no noise. Above
# the second, what differs is less than the rounding to 8 bits.
_PSNR_LOSS_DB = 0.5
_SAME_PICTURE_DB = 60.0
_LABELS_LOSS = 0.002


@dataclass(frozen=True)
class Difference:
    """A case in both results.

    Attributes:
        name: of the case.
        before_ms, after_ms: medians; None without one.
        change, noise: of the latency, as shares: -0.1 is a tenth faster; `noise` is half of the
            95 % interval.
        verdict: "slower", "faster", "same", "unclear" (too noisy), "not valid" (before or both),
            "broken" (valid before, not now) or "missing".
        regressions: one line for each thing that became worse.
    """

    name: str
    before_ms: float | None
    after_ms: float | None
    change: float | None
    noise: float | None
    verdict: str
    regressions: list[str]


def compare(before: Results, after: Results, threshold: float) -> list[Difference]:
    """Compare the cases of two results, in the order of the first.

    Cases are the same if network, precision, delegate, threads and affinity are; the files may
    differ. New cases of the second results are left out, and so are sustained runs.

    Args:
        threshold: the share by which latency or peak memory may grow, such as 0.05.
    """
    second = {_key(row): row for row in after.rows if not row.sustained_minutes}
    first = [row for row in before.rows if not row.sustained_minutes]
    return [_difference(row, second.get(_key(row)), threshold) for row in first]


def warnings(before: Results, after: Results) -> list[str]:
    """What else than the cases differs: device, processor, system, runtime, files."""
    found = []
    names = ["name", "cpu", "cores", "system", "runtime", "governor"]
    names += ["onnxruntime"] * any(row.delegate == "onnxruntime" for row in before.rows)
    for name in names:
        first, second = before.device.get(name), after.device.get(name)
        if first != second:
            label = "device" if name == "name" else name
            found.append(f"{label} differs: {first or 'not known'}, then {second or 'not known'}")
    first_files = {(row.model, row.sha256) for row in before.rows}
    second_files = {(row.model, row.sha256) for row in after.rows}
    common = {model for model, _ in first_files} & {model for model, _ in second_files}
    changed = sorted({model for model, _ in first_files ^ second_files} & common)
    if changed:
        found.append(f"the files differ (weights or export): {', '.join(changed)}")
    return found


def _key(row: Row) -> tuple:
    return (row.model, row.delegate, row.threads, row.affinity)


def _name(row: Row) -> str:
    cores = "" if row.affinity == "all" else f", {row.affinity} cores"
    return f"{row.model}, {row.delegate}, threads {row.threads}{cores}"


def _difference(before: Row, after: Row | None, threshold: float) -> Difference:
    name = _name(before)
    if after is None:
        lines = [f"{name}: not measured any more"] if before.valid else []
        return Difference(name, before.typical_ms, None, None, None, "missing", lines)
    was_measured = _is_measured(before)
    if not (was_measured and _is_measured(after)):
        why = "; ".join(after.reasons) or "no times"
        lines = [f"{name}: not valid any more: {why}"] if was_measured else []
        verdict = "broken" if was_measured else "not valid"
        return Difference(name, before.typical_ms, after.typical_ms, None, None, verdict, lines)
    found = change(
        [process.times_ms for process in before.processes],
        [process.times_ms for process in after.processes],
    )
    verdict, noise = found.verdict(threshold), (found.high - found.low) / 2
    lines = []
    if verdict == "slower":
        lines.append(
            f"{name}: {100 * found.change:+.1f} % latency (noise {100 * noise:.1f} %), more "
            f"than {100 * threshold:g} %"
        )
    lines += _other_regressions(name, before, after, threshold)
    figures = before.typical_ms, after.typical_ms, found.change, noise
    return Difference(name, *figures, verdict, lines)


def _is_measured(row: Row) -> bool:
    """Whether it has times to compare; a file from elsewhere may say "valid" without."""
    times = [time for process in row.processes for time in process.times_ms]
    return row.valid and min(times, default=0.0) > 0


def _known(before: float | None, after: float | None) -> tuple[float, float] | None:
    return None if before is None or after is None else (before, after)


def _other_regressions(name: str, before: Row, after: Row, threshold: float) -> list[str]:
    found = []
    memory = _known(before.peak_memory_kb, after.peak_memory_kb)
    if memory and memory[1] > (1 + threshold) * memory[0] > 0:
        found.append(f"{name}: {100 * (memory[1] / memory[0] - 1):+.1f} % peak memory")
    if before.accuracy and after.accuracy:
        psnr = _known(before.accuracy.psnr_db, after.accuracy.psnr_db)
        if psnr and psnr[1] < min(psnr[0] - _PSNR_LOSS_DB, _SAME_PICTURE_DB):
            found.append(f"{name}: {psnr[0]:.1f} to {psnr[1]:.1f} dB against the reference")
        labels = _known(before.accuracy.equal_labels, after.accuracy.equal_labels)
        if labels and labels[1] < labels[0] - _LABELS_LOSS:
            found.append(f"{name}: {100 * labels[0]:.2f} to {100 * labels[1]:.2f} % equal labels")
    delegated = _known(before.delegated_nodes, after.delegated_nodes)
    if delegated and after.nodes and before.nodes:
        shares = delegated[0] / before.nodes, delegated[1] / after.nodes
        if shares[1] < shares[0]:
            found.append(
                f"{name}: {delegated[1]} of {after.nodes} operations delegated, before "
                f"{delegated[0]} of {before.nodes}"
            )
    return found


def table(differences: list[Difference]) -> str:
    """A Markdown table of the differences."""
    header = ["case", "before ms", "after ms", "change", "noise", "verdict"]
    rows = [
        [
            each.name,
            _milliseconds(each.before_ms),
            _milliseconds(each.after_ms),
            "" if each.change is None else f"{100 * each.change:+.1f} %",
            "" if each.noise is None else f"± {100 * each.noise:.1f} %",
            each.verdict,
        ]
        for each in differences
    ]
    return Table(header, rows).markdown()


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
