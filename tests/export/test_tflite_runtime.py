"""The exported files and the runner with tflite-runtime 2.14 and numpy 1, and nothing else.

`make test` prepares the virtual environment where Python is 3.11 or older, the last with a wheel
of tflite-runtime; PSFR_TFLITE_PYTHON names another interpreter that has the two.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import psfr_tf
from psfr_tf import export
from psfr_tf.engines.litert import interpreter_class

RUN = """
import sys
import numpy as np
from psfr_tf.export import LiteRTEngine
from psfr_tf.engines.litert import interpreter_class
assert interpreter_class().__module__ == "tflite_runtime.interpreter"
assert not {"tensorflow", "keras", "ai_edge_litert", "cv2", "PIL"} & set(sys.modules)
inputs = np.load("inputs.npz")
outputs = {}
for path in sys.argv[1:]:
    part, _, name = path.rpartition("/")[2].partition("_")
    if part == "restorer":
        outputs[name + ".engine"], outputs[name + ".labels"] = LiteRTEngine(path).run(inputs["lq"])
    run = interpreter_class()(model_path=path).get_signature_runner()
    arguments = {key: inputs[key] for key in run.get_input_details()}
    for key, value in run(**arguments).items():
        outputs[f"{part}_{name}.{key}"] = value
np.savez("outputs.npz", **outputs)
"""


@pytest.fixture
def tflite_python():
    named = os.environ.get("PSFR_TFLITE_PYTHON")
    python = Path(named) if named else Path(sys.prefix) / "tflite-runtime" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python} is not there; `make test` makes it where Python is 3.11 or older")
    return python


@pytest.mark.slow
def test_every_file_runs(exported, tflite_python, tmp_path):
    # The package as it is installed, without its dependencies.
    leave_out = shutil.ignore_patterns("__pycache__", "weights", "export")
    shutil.copytree(Path(psfr_tf.__file__).parent, tmp_path / "psfr_tf", ignore=leave_out)
    shutil.copytree(Path(export.__file__).parent, tmp_path / "psfr_tf" / "export")
    random = np.random.default_rng(2)
    lq = random.uniform(-1, 1, (1, 8, 8, 3)).repeat(8, 1).repeat(8, 2).astype(np.float32)
    parsing = np.eye(19, dtype=np.float32)[random.integers(0, 19, (1, 64, 64))]
    np.savez(tmp_path / "inputs.npz", lq=lq, parsing=parsing)
    (tmp_path / "run.py").write_text(RUN)

    paths = sorted(map(str, exported[0].glob("*.tflite")))
    command = [str(tflite_python), "run.py", *paths]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={})
    assert result.returncode == 0, result.stderr

    outputs = np.load(tmp_path / "outputs.npz")
    assert len(paths) == 15
    for path in paths:
        run = interpreter_class()(model_path=path).get_signature_runner()
        arguments = {"lq": lq, "parsing": parsing}
        expected = run(**{key: arguments[key] for key in run.get_input_details()})
        for key, value in expected.items():
            received = outputs[f"{Path(path).name.partition('_')[0]}_{_rest(path)}.{key}"]
            # Two runtimes round int8 activations differently; float ones agree closely. Where a
            # label flips in the whole, so does a part of the picture.
            limit = 1e-3 if "float" in path else 0.05
            if key == "restored" and "restorer" in path:
                limit = 0.3
            if key == "labels":
                assert np.mean(received != value) < 0.05, path
                continue
            error = np.abs(received - value).mean() / np.abs(value).mean()
            assert error < limit, (path, key, error)
        if "restorer" in path:
            assert outputs[f"{_rest(path)}.engine"].shape == (1, 64, 64, 3)
            assert outputs[f"{_rest(path)}.labels"].dtype == np.uint8


def _rest(path):
    return Path(path).name.partition("_")[2]
