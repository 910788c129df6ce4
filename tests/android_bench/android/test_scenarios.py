"""Whole benchmarks on an emulated phone, through the real adb client: the results."""

import pytest
from phone import behave
from relu_file import write_relu_file

from psfr_tf.android_bench import harness
from psfr_tf.android_bench.android.adb import Adb
from psfr_tf.android_bench.android.benchmark_model import DELEGATES
from psfr_tf.android_bench.android.phone import FOLDER, AndroidTarget
from psfr_tf.android_bench.plan import Case, Plan
from psfr_tf.android_bench.results import load

PLAN = Plan(runs={"min_runs": 20, "min_seconds": 0}, processes=1)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(harness, "_POLL_SECONDS", 0.01)


@pytest.fixture(scope="session")
def restorer(tmp_path_factory):
    """A file that has a reference: itself. Comparing with it takes a process of its own."""
    from psfr_tf.android_bench.model_file import read_model_file

    path = tmp_path_factory.mktemp("files") / "relu.tflite"
    return read_model_file(
        write_relu_file(path, 32, part="restorer", precision="float32", name="relu")
    )


@pytest.fixture
def benchmark(phone, program, model, tmp_path):
    """`benchmark(delegates, ...)`: the results, as they are in the file."""
    output = tmp_path / "bench"
    output.mkdir()

    def run(delegates, file=model, plan=PLAN, earlier=None):
        target = AndroidTarget(Adb(phone.serial), program)
        cases = [Case(file, delegate) for delegate in delegates]
        harness.Benchmark(plan, cases, target, output, earlier).run()
        return load(output)

    return run


def rows(results):
    return {row.delegate: row for row in results.rows}


def left_on(phone):
    return (phone.root / FOLDER.lstrip("/")).exists()


def test_success(benchmark, phone, restorer):
    results = benchmark(DELEGATES, restorer)
    assert [row.reasons for row in results.rows] == [[]] * 4
    found = rows(results)
    assert found["cpu"].p50_ms > found["xnnpack"].p50_ms > found["gpu"].p50_ms > 0
    assert found["gpu"].accuracy.identical_to_cpu is False
    assert found["xnnpack-fp16"].accuracy.psnr_db > 50
    assert (found["gpu"].delegated_nodes, found["gpu"].nodes) == (145, 145)
    assert found["gpu"].processes[0].thermal_before.celsius == 45.5
    assert "--use_gpu=true" in found["gpu"].command
    assert results.device["name"] == "Google Pixel 8"
    assert results.finished and not left_on(phone)


def test_gpu_refused(benchmark, phone):
    behave(phone.root, gpu="refused")
    results = benchmark(["cpu", "gpu"])
    assert rows(results)["gpu"].reasons[0].startswith("the GPU delegate refused the model")
    assert "Failed to apply GPU" in rows(results)["gpu"].failure_log
    assert [row.valid for row in results.rows] == [True, False]


@pytest.mark.parametrize(
    "mode, reason",
    [
        ("none", "fell back to CPU"),
        ("secretly on the cpu", "fell back to CPU: the output equals the CPU's in every bit"),
        ("wrong", "wrong output"),
    ],
)
def test_gpu_that_did_not_do_its_work(benchmark, phone, restorer, mode, reason):
    behave(phone.root, gpu=mode)
    (row,) = benchmark(["gpu"], restorer).rows
    assert not row.valid and row.reasons[0].startswith(reason)


@pytest.mark.parametrize(
    "event, reason", [("crash", "crashed (signal 11)"), ("garbage", "timings")]
)
def test_one_bad_run_spoils_one_row(benchmark, phone, event, reason):
    behave(phone.root, {1: event})
    results = benchmark(["cpu", "xnnpack"])
    assert reason in rows(results)["cpu"].failure
    assert rows(results)["xnnpack"].valid


def test_throttling(benchmark, phone):
    """The row that got hot is not valid; the next waits until the phone is cool."""
    behave(phone.root, {1: "throttle"})
    results = benchmark(["cpu", "xnnpack"])
    hot, cool = rows(results)["cpu"], rows(results)["xnnpack"]
    assert hot.reasons == ["throttled: the device lowered its clock because of heat"]
    assert hot.processes[0].thermal_after.status == 3
    assert cool.valid and cool.processes[0].thermal_before.status == 0


def test_a_phone_that_stays_hot(benchmark, phone):
    (phone.root / "thermal_status").write_text("9")
    plan = PLAN.model_copy(
        update={"cool_down": PLAN.cool_down.model_copy(update={"max_seconds": 0})}
    )
    (row,) = benchmark(["cpu"], plan=plan).rows
    assert not row.valid and any(reason.startswith("hot") for reason in row.reasons)


def test_sustained_run_shows_when_the_clock_falls(phone, program, model, tmp_path):
    behave(phone.root, {3: "throttle"})
    target = AndroidTarget(Adb(phone.serial), program)
    case = Case(model, "xnnpack", sustained_minutes=0.02)
    harness.Benchmark(PLAN, [case], target, tmp_path).run()
    (row,) = load(tmp_path).rows
    first, second, third = row.windows[:3]
    assert first.p50_ms == second.p50_ms == pytest.approx(third.p50_ms / 1.7, rel=0.01)
    assert [window.throttled for window in (first, second, third)] == [False, False, True]
    assert row.windows[-1].elapsed_s >= 1.2 and row.valid


def test_cable_pulled_and_plugged_in_again(benchmark, phone, adb):
    """What was measured is kept; with --resume only the rest runs."""
    behave(phone.root, {2: "pull the cable"})
    results = benchmark(["cpu", "xnnpack"])
    assert "broke off" in results.interrupted
    first = rows(results)["cpu"]
    assert first.valid and not rows(results)["xnnpack"].processes
    phone.plug()
    adb("disconnect", phone.serial)
    adb("connect", phone.serial)
    behave(phone.root)
    results = benchmark(["cpu", "xnnpack"], earlier=results)
    assert results.interrupted is None
    assert rows(results)["cpu"] == first
    assert rows(results)["xnnpack"].valid
    assert not left_on(phone)


def test_interrupted(benchmark, phone, monkeypatch):
    """As by Ctrl-C: what was measured is kept, nothing stays on the phone."""
    measure = AndroidTarget.measure

    def interrupted(self, case, runs):
        if case.delegate == "xnnpack":
            raise KeyboardInterrupt
        return measure(self, case, runs)

    monkeypatch.setattr(AndroidTarget, "measure", interrupted)
    results = benchmark(["cpu", "xnnpack"])
    assert results.interrupted and rows(results)["cpu"].valid
    assert not left_on(phone)
