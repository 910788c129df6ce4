import os
import subprocess
import sys

import compare_with_pytorch as compare
import numpy as np
import pytest

pytest.importorskip("torch", reason="the comparison needs the [torch] extra")

RUN_PYTORCH = """
import sys
sys.path.insert(0, sys.argv[1])
import compare_with_pytorch as compare
compare.SIZE = 64
print(*compare._pytorch(1)().shape, not {"keras", "tensorflow"} & set(sys.modules))
"""


@pytest.mark.slow
def test_pytorch_is_measured_without_tensorflow_in_its_process(tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "PRESET", "psfr-test-64")
    monkeypatch.setattr(compare, "SIZE", 64)
    monkeypatch.chdir(tmp_path)
    compare._write_models(1)
    assert {path.name for path in tmp_path.iterdir()} == {
        "generator.pth",
        "parsing.pth",
        "float32.tflite",
        "int8-dynamic.tflite",
    }
    command = [sys.executable, "-c", RUN_PYTORCH, os.path.dirname(compare.__file__)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout.strip() == "1 3 64 64 True", result.stderr


def test_ratios_are_against_pytorch(tmp_path, monkeypatch):
    def figures(ms):
        return {"wall_ms": [ms], "cpu_ms": [2 * ms], "peak_memory_mb": 10 * ms}

    measured = dict.fromkeys(compare.RUNTIMES, figures(20.0))
    answers = {**measured, "write-models": {}, "pytorch": figures(60.0)}
    answers["tensorflow"] = figures(30.0)
    monkeypatch.setattr(compare, "_run", lambda _, name, *rest, cwd: answers[name])
    monkeypatch.setattr(
        compare,
        "measure",
        lambda path, *options: figures(5.0 if "--low-memory" in options else 10.0),
    )
    report = compare._compare(threads=2, number_of_rounds=3)
    speed = {name: result["speed"] for name, result in report["runtimes"].items()}
    assert list(speed.values()) == [1.0, 3.0, 2.0, 3.0, 3.0, 6.0, 12.0, 6.0, 12.0]
    assert np.isclose(report["runtimes"]["litert-int8-dynamic"]["memory"], 1 / 6)
    assert "| litert-float32 | 10 | 6.00 |" in compare._table(report)
