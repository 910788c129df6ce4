import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.engines.measure import MeasurementFailed, measure, time_runs
from psfr_tf.engines.tensorflow_converter import convert


def test_a_file_is_measured_in_its_own_process(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(lambda x: {"y": 2 * x}, [tf.TensorSpec((1, 4), name="x")]))
    # Held by this process: Linux would report it as the child's peak through getrusage.
    ballast = np.ones(80_000_000)
    result = measure(path, "--threads", 2)
    assert ballast.nbytes / 1e6 > result["peak_memory_mb"] > 10
    assert len(result["wall_ms"]) >= 5 and min(result["wall_ms"]) > 0
    assert (result["partitions"], result["outside"], result["operations"]) == (1, [], 1)


def test_low_memory_saves_the_addresses_that_convolutions_keep(tmp_path):
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 4)).astype(np.float32)

    def convolutions(x):
        for _ in range(4):
            x = tf.nn.conv2d(x, kernel, 1, "SAME")
        return {"y": x}

    path = tmp_path / "model.tflite"
    path.write_bytes(convert(convolutions, [tf.TensorSpec((1, 512, 512, 4), name="x")]))
    usual, low = (measure(path, *how)["peak_memory_mb"] for how in ((), ("--low-memory",)))
    kept = 4 * 9 * 512 * 512 * 8 / 1e6
    assert usual - low > 0.5 * kept  # the one list that all share stays, and CompiledModel's own


def test_what_does_not_run_is_an_error(tmp_path):
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    with pytest.raises(MeasurementFailed, match=r"bad\.tflite"):
        measure(tmp_path / "bad.tflite")


def test_a_name_may_look_like_an_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = convert(lambda x: {"y": 2 * x}, [tf.TensorSpec((1, 4), name="x")])
    (tmp_path / "-m.tflite").write_bytes(content)
    assert measure("-m.tflite", "--min-runs", 3, "--min-seconds", 0)["wall_ms"]


def test_calls_beyond_the_warm_up_are_timed():
    calls = []
    wall, cpu = time_runs(lambda: calls.append(1))
    assert len(wall) == len(cpu) == len(calls) - 2
