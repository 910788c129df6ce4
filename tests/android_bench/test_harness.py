"""The harness on a target that is a few lines of Python."""

from types import SimpleNamespace

import numpy as np
import pytest

from psfr_tf.android_bench import harness
from psfr_tf.android_bench.harness import Benchmark
from psfr_tf.android_bench.plan import Case, Plan, Runs
from psfr_tf.android_bench.results import load
from psfr_tf.android_bench.statistics import summary
from psfr_tf.android_bench.target import CaseFailed, Measurement, TargetLost, Thermal
from psfr_tf.errors import UserError

PLAN = Plan(processes=2, runs=Runs(min_runs=3))


class FakeTarget:
    """Answers at once. `events` maps the number of a call of `measure` to what happens there."""

    name = "local"
    delegates = ("cpu", "xnnpack", "gpu")

    def __init__(self, events=(), heat=(), output=None, device="bench"):
        self.events, self.heat = dict(events), list(heat)
        self.device, self.calls, self.closed = device, [], 0
        self._output = output

    def describe(self):
        return {"name": self.device, "cpu": "c", "cores": 2, "system": "s", "runtime": "r"}

    def thermal(self):
        if not self.heat:
            return None
        return self.heat.pop(0) if len(self.heat) > 1 else self.heat[0]

    def prepare(self, models):
        self.models = models

    def measure(self, case, runs):
        self.calls.append(case)
        event = self.events.get(len(self.calls))
        if event:
            raise event
        times = [10.0] * runs.min_runs
        delegated = 0 if case.delegate == "cpu" else 7
        return Measurement(
            summary(times), latencies_ms=times, init_ms=1.0, nodes=7, delegated_nodes=delegated
        )

    def output(self, case, inputs):
        return self._output(case, inputs)

    def close(self):
        self.closed += 1


@pytest.fixture
def two_cases(make_model):
    return [Case(make_model("a.tflite"), "cpu"), Case(make_model("b.tflite"), "xnnpack")]


def run(cases, target, folder, plan=PLAN, earlier=None, sleep=None):
    lines = []
    benchmark = Benchmark(
        plan, cases, target, folder, earlier, log=lines.append, sleep=sleep or (lambda s: None)
    )
    results = benchmark.run()
    assert target.closed == 1
    assert load(folder) == results
    return results, lines


def test_processes_are_spread_over_the_run(two_cases, tmp_path):
    target = FakeTarget()
    results, _ = run(two_cases, target, tmp_path)
    assert target.calls == two_cases * 2
    assert target.models == [case.model for case in two_cases]
    assert [len(row.processes) for row in results.rows] == [2, 2]
    assert all(row.valid for row in results.rows) and results.finished
    assert results.rows[0].accuracy_missing  # The files are not there.


@pytest.mark.parametrize("percent, said", [(None, 0), (3, 0), (40, 1)])
def test_other_work_is_warned_of_before_the_start(two_cases, tmp_path, percent, said):
    target = FakeTarget()
    described = target.describe()
    target.describe = lambda: {**described, "busy_percent": percent}
    _, lines = run(two_cases, target, tmp_path)
    assert [line.startswith("warning: other programs use 40 %") for line in lines] == [True] * said


def test_one_failure_does_not_stop_the_others(two_cases, tmp_path):
    target = FakeTarget({2: CaseFailed("no room", "x" * 5000)})
    results, lines = run(two_cases, target, tmp_path)
    good, bad = results.rows
    assert good.valid and not bad.valid
    assert bad.reasons == ["no room"] and len(bad.failure_log) == 2000
    assert target.calls.count(two_cases[1]) == 1  # Not tried again in this run.
    assert lines == ["b.tflite, xnnpack, 1 thread: no room"]


@pytest.mark.parametrize(
    "event, reason",
    [(TargetLost("the cable"), "the cable"), (KeyboardInterrupt(), "interrupted by the user")],
)
def test_what_is_measured_is_kept_and_resumed(two_cases, tmp_path, event, reason):
    results, _ = run(two_cases, FakeTarget({3: event}), tmp_path)
    assert results.interrupted == reason and not results.finished
    assert [len(row.processes) for row in results.rows] == [1, 1]
    assert results.rows[0].reasons == ["too few runs: 1 of 2 processes"]
    target = FakeTarget()
    resumed, _ = run(two_cases, target, tmp_path, earlier=load(tmp_path))
    assert target.calls == two_cases
    assert all(row.valid for row in resumed.rows) and not resumed.interrupted
    assert resumed.rows[0].processes[0] == results.rows[0].processes[0]


def test_rows_that_were_not_reached_say_so(two_cases, tmp_path):
    results, _ = run(two_cases, FakeTarget({1: KeyboardInterrupt()}), tmp_path)
    assert [row.reasons for row in results.rows] == [["too few runs: 0 of 2 processes"]] * 2


def test_resume_tries_again_what_failed_and_adds_new_cases(two_cases, tmp_path):
    run(two_cases[:1], FakeTarget({1: CaseFailed("busy")}), tmp_path)
    results, _ = run(two_cases, FakeTarget(), tmp_path, earlier=load(tmp_path))
    assert [row.valid for row in results.rows] == [True, True]


def test_resume_wants_the_same_device_and_runs(two_cases, tmp_path):
    run(two_cases, FakeTarget(), tmp_path)
    earlier, other = load(tmp_path), FakeTarget(device="another")
    with pytest.raises(UserError, match="of another device"):
        Benchmark(PLAN, two_cases, other, tmp_path, earlier).run()
    assert other.closed == 1
    plan = Plan(processes=2, runs=Runs(min_runs=4))
    with pytest.raises(UserError, match="other `runs`"):
        Benchmark(plan, two_cases, FakeTarget(), tmp_path, earlier).run()


def test_lost_before_the_start(two_cases, tmp_path):
    target = FakeTarget()
    target.describe = lambda: (_ for _ in ()).throw(TargetLost("nobody there"))
    with pytest.raises(UserError, match="nobody there"):
        Benchmark(PLAN, two_cases, target, tmp_path).run()
    assert target.closed == 1


def test_it_waits_until_the_target_is_cool(two_cases, tmp_path):
    waits = []
    start, hot, cool = (Thermal(celsius=c) for c in (40.0, 60.0, 42.0))
    target = FakeTarget(heat=[start, hot, hot, cool])
    results, _ = run(two_cases[:1], target, tmp_path, sleep=waits.append)
    assert waits == [harness._POLL_SECONDS] * 2
    first = results.rows[0].processes[0]
    assert first.cooled_down and first.thermal_before == cool


def test_a_target_that_stays_hot_is_measured_but_not_valid(two_cases, tmp_path):
    target = FakeTarget(heat=[Thermal(celsius=40.0), Thermal(celsius=60.0)])
    results, _ = run(two_cases[:1], target, tmp_path)
    assert results.rows[0].reasons == ["hot: the device had not cooled down"]


def test_throttling_counted_by_the_system(two_cases, tmp_path):
    heat = [Thermal(throttle_count=count) for count in (5, 5, 9)]
    results, _ = run(two_cases[:1], FakeTarget(heat=heat), tmp_path)
    assert results.rows[0].reasons[0].startswith("throttled")


def test_sustained_run(make_model, tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(harness, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    case = Case(make_model(), sustained_minutes=1.0)
    target = FakeTarget(heat=[Thermal(celsius=40.0)])
    results, _ = run([case], target, tmp_path)
    (row,) = results.rows
    assert [window.elapsed_s for window in row.windows] == [10, 20, 30, 40, 50, 60]
    assert row.valid and row.windows[0].celsius == 40.0
    again = FakeTarget()
    run([case], again, tmp_path, earlier=load(tmp_path))
    assert not again.calls


def test_a_gpu_that_computes_what_the_cpu_computes(exported, tmp_path):
    """The files are real here; the target adds what its delegate would do to the output."""
    from psfr_tf.android_bench.local import LocalTarget
    from psfr_tf.android_bench.model_file import read_model_file

    model = read_model_file(exported[0] / "restorer_float32.tflite")

    def output(offset):
        def made(case, inputs):
            outputs = LocalTarget().output(Case(model), inputs)
            offsets = (
                offset * (case.delegate == "gpu") * np.array([o.dtype.kind == "f" for o in outputs])
            )
            return [o + each.astype(o.dtype) for o, each in zip(outputs, offsets, strict=True)]

        return made

    for offset, reasons in (
        (0.0, ["fell back to CPU: the output equals the CPU's in every bit"]),
        (0.001, []),
        (0.5, ["wrong output"]),
    ):
        folder = tmp_path / str(offset)
        folder.mkdir()
        results, _ = run([Case(model, "gpu")], FakeTarget(output=output(offset)), folder)
        (row,) = results.rows
        assert [reason.split(": 1")[0] for reason in row.reasons] == reasons
        for place in ("picture", "reference_picture", "face_picture"):
            assert (folder / getattr(row.accuracy, place)).is_file()


def test_a_name_longer_than_a_file_may_have(tmp_path):
    benchmark = Benchmark(PLAN, [], FakeTarget(), tmp_path)
    pixels = np.zeros((8, 8, 3), np.uint8)
    kept = {benchmark._keep(f"{'é' * 200} {number}", pixels) for number in range(2)}
    assert len(kept) == 2 and all((tmp_path / path).is_file() for path in kept)


def test_a_target_without_outputs_is_timed_all_the_same(exported, tmp_path):
    from psfr_tf.android_bench.model_file import read_model_file

    def refused(case, inputs):
        raise CaseFailed("this benchmark_model writes no outputs")

    model = read_model_file(exported[0] / "restorer_float32.tflite")
    results, _ = run([Case(model)], FakeTarget(output=refused), tmp_path)
    (row,) = results.rows
    assert row.valid and row.accuracy_missing == "this benchmark_model writes no outputs"
