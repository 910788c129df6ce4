"""Files and results that the tests of the benchmark share."""

from pathlib import Path

import pytest

from psfr_tf.android_bench.model_file import ModelFile, Tensor
from psfr_tf.android_bench.plan import Plan
from psfr_tf.android_bench.results import Accuracy, Process, Results, Row
from psfr_tf.android_bench.statistics import summary
from psfr_tf.android_bench.validity import summarize


@pytest.fixture
def make_model():
    """`make_model(name)`: a file that is only described, not there."""

    def make(name="a.tflite", **fields):
        face = Tensor("lq", (1, 8, 8, 3), "float32")
        restored = Tensor("restored", (1, 8, 8, 3), "float32")
        given = {"part": None, "precision": "float32", "weights": None, "multiply_adds": 10**9}
        given |= {"sha256": f"hash of {name}", "size_bytes": 1000, "size": 8, **fields}
        return ModelFile(path=Path(name), inputs=(face,), outputs=(restored,), **given)

    return make


@pytest.fixture(scope="session")
def make_row():
    """`make_row(times_ms, ...)`: a row of processes with these times, valid unless told."""

    def make(times_ms=((10.0,) * 10,) * 3, psnr_db=45.0, plan=None, **fields):
        processes = [
            Process(
                started="2026-01-01T00:00:00+00:00",
                latency=summary(times),
                latencies_ms=list(times),
                init_ms=5.0,
                first_ms=12.0,
                peak_memory_kb=100_000,
            )
            for times in times_ms
        ]
        given = {
            "model": "psfr-test-64 restorer int8",
            "file": "restorer_int8.tflite",
            "sha256": "ab" * 32,
            "size_bytes": 2_000_000,
            "weights": "psfr-test-64",
            "part": "restorer",
            "precision": "int8",
            "face_px": 64,
            "multiply_adds": 10**9,
            "delegate": "xnnpack",
            "threads": 1,
            "affinity": "all",
            "nodes": 100,
            "delegated_nodes": 100,
            "accuracy": Accuracy(
                reference="restorer_float32.tflite",
                reference_sha256="cd" * 32,
                psnr_db=psnr_db,
                equal_labels=0.99,
            ),
        }
        row = Row(**{**given, **fields}, processes=processes)
        summarize(row, plan or Plan())
        return row

    return make


@pytest.fixture(scope="session")
def make_results():
    """`make_results(rows)`: a finished benchmark on a device called "bench"."""

    def make(rows, name="bench"):
        return Results(
            target="local",
            psfr_tf="0.1.0",
            created="2026-01-01T00:00:00+00:00",
            finished="2026-01-01T00:01:00+00:00",
            device={"name": name, "cpu": "x", "cores": 2, "system": "y", "runtime": "z"},
            plan=Plan(),
            rows=list(rows),
        )

    return make
