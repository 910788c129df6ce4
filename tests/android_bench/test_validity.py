import numpy as np
import pytest

from psfr_tf.android_bench.plan import Plan
from psfr_tf.android_bench.results import Accuracy, Window
from psfr_tf.android_bench.target import Latency, Thermal
from psfr_tf.android_bench.validity import summarize


def reason(row, plan=None):
    summarize(row, plan or Plan())
    assert row.valid == (not row.reasons)
    return "; ".join(row.reasons)


def accuracy(**figures):
    return Accuracy(reference="f.tflite", reference_sha256="0", **figures)


def test_a_good_row(make_row):
    row = make_row([np.arange(20.0, 25.0, 0.5)] * 3)
    assert row.valid and not row.reasons
    assert (row.runs, row.p50_ms, row.init_ms, row.first_ms) == (30, 22.25, 5.0, 12.0)
    assert row.peak_memory_kb == 100_000 and row.noise_ms > 0


def test_too_few(make_row):
    assert reason(make_row([[10.0] * 10] * 2)) == "too few runs: 2 of 3 processes"
    row = make_row([[10.0] * 10, [10.0] * 4, [10.0] * 10])
    assert reason(row) == "too few runs: 4 of 10 in a process"
    assert reason(make_row([])).startswith("too few runs: 0 of 3")


@pytest.mark.parametrize(
    "before, after",
    [
        (Thermal(), Thermal(throttled=True)),
        (Thermal(throttled=True), Thermal()),
        (Thermal(throttle_count=3), Thermal(throttle_count=4)),
    ],
)
def test_throttled(make_row, before, after):
    row = make_row()
    row.processes[1].thermal_before, row.processes[1].thermal_after = before, after
    assert reason(row).startswith("throttled")
    row.processes[1].thermal_before = row.processes[1].thermal_after = Thermal(throttle_count=4)
    assert row.processes and not reason(row)


def test_hot(make_row):
    row = make_row()
    row.processes[2].cooled_down = False
    assert reason(row).startswith("hot")


def test_spread(make_row):
    row = make_row([[10.0] * 10, [10.0] * 10, [16.0] * 10])
    assert reason(row).startswith("spread too wide: the median is known to 30 %")
    assert not reason(row, Plan(max_noise=0.5))


@pytest.mark.parametrize(
    ("delegate", "nodes", "found"),
    [
        ("gpu", 0, "fell back to CPU: gpu took none"),
        ("gpu", None, "delegation unknown"),
        ("cpu", 0, ""),
        ("cpu", None, ""),
    ],
)
def test_fell_back_to_cpu(make_row, delegate, nodes, found):
    text = reason(make_row(delegate=delegate, delegated_nodes=nodes))
    assert text.startswith(found) and bool(text) == bool(found)


def test_a_gpu_that_equals_the_cpu_in_every_bit(make_row):
    row = make_row(delegate="gpu", accuracy=accuracy(psnr_db=60.0, identical_to_cpu=True))
    assert reason(row) == "fell back to CPU: the output equals the CPU's in every bit"


def test_wrong_output(make_row):
    assert reason(make_row(psnr_db=12.0)).startswith("wrong output: 12.0 dB")
    row = make_row(accuracy=accuracy(equal_labels=0.5))
    assert reason(row).startswith("wrong output: 50.0 % of the labels")


def test_a_failure_is_the_only_reason(make_row):
    assert reason(make_row([], failure="the GPU refused")) == "the GPU refused"


def test_sustained_runs(make_row):
    windows = [Window(elapsed_s=s, runs=5, p50_ms=10 + s) for s in (30.0, 61.0)]
    row = make_row([], sustained_minutes=1.0, windows=windows)
    assert row.valid and row.runs == 10
    assert "ended early" in reason(make_row([], sustained_minutes=2.0, windows=windows))


def test_a_target_that_gives_figures_only(make_row):
    row = make_row([[1.0] * 30] * 3)
    for process, mean in zip(row.processes, (10.0, 10.2, 10.4), strict=True):
        process.latencies_ms, process.latency = [], Latency(runs=30, mean_ms=mean)
    assert not reason(row)
    assert (row.mean_ms, row.p50_ms, row.p90_ms, row.typical_ms) == (10.2, None, None, 10.2)
    assert 0 < row.noise_ms < 0.4
