"""AndroidTarget on an emulated phone, through the real adb client."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from phone import behave, make_benchmark_model

from psfr_tf.android_bench.android.adb import Adb
from psfr_tf.android_bench.android.phone import FOLDER, AndroidTarget
from psfr_tf.android_bench.plan import Case, Runs
from psfr_tf.android_bench.target import CaseFailed, TargetLost, Thermal
from psfr_tf.errors import UserError

RUNS = Runs(warm_up_runs=2, min_runs=20, min_seconds=0)


@pytest.fixture
def target(phone, program, model):
    """Ready to measure."""
    target = AndroidTarget(Adb(phone.serial), program)
    target.prepare([model])
    yield target
    target.close()


@pytest.fixture
def face(model):
    return np.linspace(-1, 1, 16 * 16 * 3, dtype=np.float32).reshape(model.inputs[0].shape)


def folder(phone):
    return phone.root / FOLDER.lstrip("/")


def test_description(target, phone):
    found = target.describe()
    assert (found["name"], found["cpu"], found["cores"]) == (
        "Google Pixel 8",
        "Google Tensor G3",
        9,
    )
    assert found["runtime"] == f"benchmark_model {found['benchmark_model_sha256'][:12]}"
    assert phone.serial not in str(found)


def test_measurement(target, model):
    measurement = target.measure(Case(model, "xnnpack", threads=4), RUNS)
    assert measurement.latency.runs == 20
    assert measurement.latency.mean_ms == pytest.approx(40 / 4**0.8, rel=0.01)
    assert measurement.latency.min_ms < measurement.latency.p50_ms < measurement.latency.p95_ms
    assert (measurement.init_ms, measurement.first_ms) == (48.25, 61.733)
    assert measurement.peak_memory_kb == 83456
    assert (measurement.delegated_nodes, measurement.nodes, measurement.partitions) == (145, 145, 1)
    assert measurement.command.startswith(f"{FOLDER}/benchmark_model --graph={FOLDER}/")


@pytest.mark.parametrize("delegate", ["cpu", "xnnpack", "xnnpack-fp16", "gpu"])
def test_output(target, model, face, delegate):
    (output,) = target.output(Case(model, delegate), [face])
    assert output.shape == face.shape and output.dtype == np.float32
    exact = delegate in ("cpu", "xnnpack")
    np.testing.assert_allclose(output, np.maximum(face, 0), atol=0 if exact else 1e-3)
    assert np.array_equal(output, np.maximum(face, 0)) == exact


@pytest.mark.parametrize(
    "affinity, mask", [("big", "100"), ("little", "f"), ("4-7", "f0"), ("0,8", "101")]
)
def test_affinity(target, phone, model, affinity, mask):
    target.measure(Case(model, affinity=affinity), RUNS)
    assert any(f"taskset {mask} " in command for command in phone.commands)


def test_affinity_that_the_phone_has_not(target, model):
    with pytest.raises(CaseFailed, match="no CPU 9"):
        target.measure(Case(model, affinity="9"), RUNS)


def test_partly_on_the_gpu(target, phone, model):
    behave(phone.root, gpu="part")
    measurement = target.measure(Case(model, "gpu"), RUNS)
    assert (measurement.delegated_nodes, measurement.nodes, measurement.partitions) == (120, 145, 4)


def test_gpu_delegate_takes_nothing(target, phone, model):
    behave(phone.root, gpu="none")
    assert target.measure(Case(model, "gpu"), RUNS).delegated_nodes == 0


def test_gpu_delegate_refuses(target, phone, model):
    behave(phone.root, gpu="refused")
    with pytest.raises(CaseFailed, match=r"GPU delegate refused the model \(.*OpenCL") as raised:
        target.measure(Case(model, "gpu"), RUNS)
    assert "Benchmarking failed" in raised.value.log
    target.measure(Case(model, "xnnpack"), RUNS)


def test_crash_and_garbage_are_of_one_run(target, phone, model):
    behave(phone.root, {1: "crash", 2: "garbage"})
    with pytest.raises(CaseFailed, match=r"crashed \(signal 11\)") as raised:
        target.measure(Case(model), RUNS)
    assert "Initialized session" in raised.value.log
    with pytest.raises(CaseFailed, match="no timings that can be understood"):
        target.measure(Case(model), RUNS)
    assert target.measure(Case(model), RUNS).latency.runs == 20


def test_a_program_that_hangs_is_stopped(target, phone, model, monkeypatch):
    monkeypatch.setattr("psfr_tf.android_bench.android.phone._PATIENCE_SECONDS", 1.0)
    behave(phone.root, {1: "hang"})
    with pytest.raises(CaseFailed, match="did not end within 2 s"):
        target.measure(Case(model), RUNS.model_copy(update={"max_seconds": 0.25}))
    assert stops(phone)


def test_older_program_that_writes_no_output(target, phone, model, face):
    """What an earlier run wrote is not taken for its output."""
    target.output(Case(model), [face])
    behave(phone.root, unknown_flags=["output_filepath"])
    with pytest.raises(CaseFailed, match=r"does not know --output_filepath=.*take a newer one"):
        target.output(Case(model), [face])


def test_disk_full_while_the_output_is_written(target, phone, model, face):
    behave(phone.root, output_bytes=100)
    with pytest.raises(CaseFailed, match="wrote 100 bytes of output, 3072 are expected"):
        target.output(Case(model), [face])


def test_disk_full_for_a_model(phone, program, model):
    phone.capacity_bytes = program.stat().st_size + 10
    target = AndroidTarget(Adb(phone.serial), program)
    target.prepare([model])
    with pytest.raises(CaseFailed, match="No space left on device"):
        target.measure(Case(model), RUNS)
    target.close()


def test_disk_full_for_the_program(phone, program, model):
    phone.capacity_bytes = 10
    target = AndroidTarget(Adb(phone.serial), program)
    with pytest.raises(
        UserError, match=r"cannot copy benchmark_model to the phone: .*No space left"
    ):
        target.prepare([model])
    target.close()
    assert not folder(phone).exists()


def test_program_for_another_machine(phone, tmp_path):
    path = make_benchmark_model(tmp_path / "other", (64, 62))
    with pytest.raises(UserError, match="x86_64"):
        AndroidTarget(Adb(phone.serial), path)
    assert not folder(phone).exists()


def test_thermal(target, phone):
    (phone.root / "thermal_status").write_text("2")
    assert target.thermal() == Thermal(75.5, status=2, throttled=True)
    assert target.thermal() == Thermal(60.5, status=1, throttled=True)
    assert target.thermal() == Thermal(45.5, status=0)
    (phone.root / "dumpsys/thermalservice").unlink()
    assert target.thermal() is None


def test_nothing_is_left_behind(phone, program, model):
    target = AndroidTarget(Adb(phone.serial), program)
    target.prepare([model])
    assert folder(phone).is_dir()
    target.close()
    assert not folder(phone).exists()


def test_cable_pulled(phone, program, model, adb, caplog):
    """The next run removes what it left."""
    target = AndroidTarget(Adb(phone.serial), program)
    target.prepare([model])
    behave(phone.root, {1: "pull the cable"})
    with pytest.raises(TargetLost, match="broke off"):
        target.measure(Case(model), RUNS)
    target.close()
    assert FOLDER in caplog.text and folder(phone).is_dir()
    (folder(phone) / "left over").write_text("")
    phone.plug()
    adb("disconnect", phone.serial)
    adb("connect", phone.serial)
    target.prepare([model])
    assert not (folder(phone) / "left over").exists()
    target.close()


def test_interrupted_program_is_stopped_on_the_phone(phone, program, model, interruptible):
    """Ctrl-C ends adb's client here, not what it started there."""
    target = AndroidTarget(Adb(phone.serial), program)
    target.prepare([model])
    behave(phone.root, {1: "hang"})

    def interrupt():
        while not running(phone):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        target.measure(Case(model), RUNS)
    assert running(phone)
    target.close()
    assert stops(phone) and not folder(phone).exists()


def running(phone):
    """Whether a program whose command line names the phone's folder runs on this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"--graph={folder(phone)}".encode() in path.read_bytes():
                return True
        except OSError:
            continue
    return False


def stops(phone):
    """Whether no such program runs, at once or soon: the shell around it ends after it."""
    deadline = time.monotonic() + 20
    while running(phone):
        if time.monotonic() > deadline:  # "hang" takes longer
            return False
        time.sleep(0.02)
    return True
