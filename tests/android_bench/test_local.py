"""The local target on small files."""

import os
import subprocess
import sys

import numpy as np
import pytest

from psfr_tf.android_bench.local import LocalTarget
from psfr_tf.android_bench.model_file import read_model_file
from psfr_tf.android_bench.plan import Case, Runs
from psfr_tf.android_bench.target import CaseFailed, Thermal
from psfr_tf.machine import busy_share

QUICK = Runs(warm_up_runs=1, min_runs=3, min_seconds=0, max_seconds=60)


@pytest.fixture(scope="module")
def restorer(exported):
    return read_model_file(exported[0] / "restorer_int8-dynamic.tflite")


def test_with_and_without_xnnpack(restorer):
    target = LocalTarget()
    ballast = np.ones(60_000_000)  # Must not count as the child's memory.
    with_it = target.measure(Case(restorer, "xnnpack", 2), QUICK)
    without = target.measure(Case(restorer, "cpu", 1), QUICK)
    for measurement in (with_it, without):
        assert measurement.latency.runs == len(measurement.latencies_ms) == 3
        assert measurement.init_ms > 0 and measurement.first_ms > 0
        assert 10_000 < measurement.peak_memory_kb < ballast.nbytes / 1024
    assert with_it.nodes == without.nodes > 100
    assert with_it.delegated_nodes == with_it.nodes - 2
    assert with_it.outside == ("ARG_MAX", "CAST")  # of the labels, behind everything else
    assert without.delegated_nodes == 0 and "CONV_2D" in without.outside
    assert (with_it.partitions, without.partitions) == (1, 0)


def test_the_output_is_the_engines(restorer):
    from psfr_tf.engines.litert import LiteRTEngine

    face = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    outputs = LocalTarget().output(Case(restorer), [face])
    assert [array.shape for array in outputs] == [t.shape for t in restorer.outputs]
    (restored,) = (array for array in outputs if array.shape[-1] == 3)
    expected, _ = LiteRTEngine(restorer.path).run(face)
    np.testing.assert_allclose(np.clip(restored, -1, 1), expected, atol=1e-5)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
def test_affinity(restorer):
    cpu = max(os.sched_getaffinity(0))
    assert LocalTarget().measure(Case(restorer, affinity=str(cpu)), QUICK).latency.runs == 3
    with pytest.raises(CaseFailed, match="no CPU 999"):
        LocalTarget().measure(Case(restorer, affinity="999"), QUICK)


def test_a_file_that_does_not_run(make_model, tmp_path):
    import dataclasses

    path = tmp_path / "bad.tflite"
    path.write_bytes(b"no model")
    model = dataclasses.replace(make_model(), path=path)
    with pytest.raises(CaseFailed) as failed:
        LocalTarget().measure(Case(model), QUICK)
    assert "\n" not in failed.value.reason and "model" in failed.value.reason
    assert len(failed.value.log.splitlines()) > 1


def test_the_time_limit_holds(restorer):
    slow = Runs(warm_up_runs=1, min_runs=10_000, min_seconds=0, max_seconds=0.2)
    assert 1 <= LocalTarget().measure(Case(restorer), slow).latency.runs < 10_000


def test_heat_and_clock_are_read_from_the_system(tmp_path):
    target = LocalTarget(tmp_path)
    assert target.thermal() is None
    for number, value in enumerate(("41000", "55500", "garbage")):
        zone = tmp_path / f"class/thermal/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "temp").write_text(value + "\n")
    throttle = tmp_path / "devices/system/cpu/cpu0/thermal_throttle"
    throttle.mkdir(parents=True)
    (throttle / "core_throttle_count").write_text("7\n")
    assert target.thermal() == Thermal(celsius=55.5, throttle_count=7)
    clock = tmp_path / "devices/system/cpu/cpu0/cpufreq"
    clock.mkdir()
    (clock / "cpuinfo_max_freq").write_text("2400000\n")
    (clock / "scaling_governor").write_text("performance\n")
    assert target.describe()["governor"] == "performance"


def test_the_description_has_what_results_need():
    device = LocalTarget().describe()
    for name in ("name", "cpu", "cores", "system", "abi", "runtime"):
        assert device[name], name


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_work_of_other_programs_is_seen():
    """A process that computes takes at least half of a core."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        busy = busy_share(1.0)
        other.kill()
    assert 0.5 / os.cpu_count() < busy <= 1
