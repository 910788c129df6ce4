"""The figures of a row from its processes, and whether they may be believed."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from psfr_tf.android_bench.plan import Plan
from psfr_tf.android_bench.results import Process, Row
from psfr_tf.android_bench.statistics import noise, summary
from psfr_tf.android_bench.target import Latency


def summarize(row: Row, plan: Plan) -> None:
    """Fill in the figures, `valid` and `reasons` of a row from what was measured."""
    processes = row.processes
    if processes:
        _figures(row, processes)
    if row.windows:
        row.runs = sum(window.runs for window in row.windows)
        row.p50_ms = _median(window.p50_ms for window in row.windows)
    row.reasons = reasons(row, plan)
    row.valid = not row.reasons


def reasons(row: Row, plan: Plan) -> list[str]:
    """Why the row's figures are not to be believed; empty if they are. See docs/benchmarks.md."""
    if row.failure:
        return [row.failure]
    found = []
    if row.sustained_minutes:
        if not sustained_enough(row):
            found.append("too few runs: the sustained run ended early")
    else:
        wanted = plan.processes
        if len(row.processes) < wanted:
            found.append(f"too few runs: {len(row.processes)} of {wanted} processes")
        fewest = min((process.latency.runs for process in row.processes), default=None)
        if fewest is not None and fewest < plan.runs.min_runs:
            found.append(f"too few runs: {fewest} of {plan.runs.min_runs} in a process")
        if any(map(throttled, row.processes)):
            found.append("throttled: the device lowered its clock because of heat")
        if not all(process.cooled_down for process in row.processes):
            found.append("hot: the device had not cooled down")
        if row.noise_ms and row.typical_ms and row.noise_ms > plan.max_noise * row.typical_ms:
            share = 100 * row.noise_ms / row.typical_ms
            found.append(f"spread too wide: the median is known to {share:.0f} % only")
    found += _fallbacks(row)
    return found + _inaccuracies(row, plan)


def sustained_enough(row: Row) -> bool:
    """The sustained run of the row has its full length."""
    return bool(row.windows) and row.windows[-1].elapsed_s >= 60 * row.sustained_minutes


def throttled(process: Process) -> bool:
    """The system reported throttling before, after, or between."""
    before, after = process.thermal_before, process.thermal_after
    if any(reading is not None and reading.throttled for reading in (before, after)):
        return True
    first, last = (None if heat is None else heat.throttle_count for heat in (before, after))
    return first is not None and last is not None and last > first


def _figures(row: Row, processes: Sequence[Process]) -> None:
    row.runs = sum(process.latency.runs for process in processes)
    row.init_ms = _median(process.init_ms for process in processes)
    row.first_ms = _median(process.first_ms for process in processes)
    row.peak_memory_kb = max(
        (process.peak_memory_kb for process in processes if process.peak_memory_kb is not None),
        default=None,
    )
    known = [process.latency for process in processes]
    if all(process.latencies_ms for process in processes):
        known = [summary([each for process in processes for each in process.latencies_ms])]
    for name in (field.name for field in fields(Latency) if field.name != "runs"):
        setattr(row, name, _median(getattr(latency, name) for latency in known))
    times = [process.times_ms for process in processes]
    # One figure alone says nothing about its noise.
    row.noise_ms = noise(times) if sum(map(len, times)) > 1 else None


def _fallbacks(row: Row) -> list[str]:
    if row.delegate in ("cpu", "onnxruntime"):
        return []
    if row.delegated_nodes is None and row.runs:
        return [f"delegation unknown: the target did not say what {row.delegate} took"]
    if row.delegated_nodes == 0:
        return [f"fell back to CPU: {row.delegate} took none of the {row.nodes} operations"]
    if row.accuracy is not None and row.accuracy.identical_to_cpu:
        return ["fell back to CPU: the output equals the CPU's in every bit"]
    return []


def _inaccuracies(row: Row, plan: Plan) -> list[str]:
    found: list[str] = []
    accuracy = row.accuracy
    if accuracy is None:
        return found
    if accuracy.psnr_db is not None and accuracy.psnr_db < plan.min_psnr_db:
        found.append(
            f"wrong output: {accuracy.psnr_db:.1f} dB against {accuracy.reference}, less than "
            f"{plan.min_psnr_db:g} dB"
        )
    if accuracy.equal_labels is not None and accuracy.equal_labels < plan.min_equal_labels:
        found.append(
            f"wrong output: {100 * accuracy.equal_labels:.1f} % of the labels of "
            f"{accuracy.reference}, less than {100 * plan.min_equal_labels:g} %"
        )
    return found


def _median(values) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
