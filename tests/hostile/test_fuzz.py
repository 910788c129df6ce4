"""Spoiled inputs of every kind; docs/security.md has the figures of longer runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "fuzz.py"
KINDS = (
    *("config", "h5", "tflite", "pth", "records", "yaml", "plan", "manifest", "adb", "results"),
    "picture",
)


@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_inputs_end_in_a_result_or_in_one_line(kind):
    command = [sys.executable, str(TOOL), "--kind", kind, "--count", "200", "--seed", "21"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["read"] + figures["refused"] == 200
    # Something was spoiled, and the readers do not refuse everything.
    assert figures["refused"] > 0 and figures["read"] > 0
