"""`psfr benchmark local` from the command line to the report."""

import json
import re

import pytest

from psfr_tf.cli import main

PLAN = """
models: [{folder}/restorer_*.tflite]
matrix: [{{models: ["*int8-dynamic*"]}}, {{delegates: [cpu, xnnpack-fp16], threads: [1, 2]}}]
runs: {{warm_up_runs: 1, min_runs: 3, min_seconds: 0}}
processes: 2
min_psnr_db: 5
max_noise: 100
"""


def psfr(*arguments):
    words = ["psfr", "benchmark", "local", *map(str, arguments)]
    return main.run(main.parse_arguments(words))


@pytest.fixture
def plan(exported, tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN.format(folder=exported[0]))
    return path


def test_a_plan(plan, tmp_path, capsys):
    assert psfr("--plan", plan, "--output", tmp_path / "out") == 0
    captured = capsys.readouterr()
    assert "skipped (delegate not available on this target): xnnpack-fp16" in captured.err
    assert "11 of 11 rows are valid" in captured.out
    assert re.search(r"^\w+ restorer, fastest: [\d.]+ ± [\d.]+ ms: ", captured.out, re.M)
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert {row["precision"] for row in results["rows"]} >= {"float32", "int8"}
    assert all(len(row["processes"]) == 2 and row["accuracy"] for row in results["rows"])
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["command"] == "benchmark local" and report["valid"] == report["cases"] == 11
    for name in report["files"]:
        assert (tmp_path / "out" / name).is_file()
    # Nothing is overwritten; --resume finds nothing left to do.
    assert psfr("--plan", plan, "--output", tmp_path / "out") == 1
    assert "use --resume to continue" in capsys.readouterr().err
    assert psfr("--plan", plan, "--output", tmp_path / "out", "--resume") == 0
    again = json.loads((tmp_path / "out/results.json").read_text())
    assert again["rows"] == results["rows"]


def test_a_dry_run_writes_nothing(exported, tmp_path, capsys):
    model = exported[0] / "restorer_int8.tflite"
    output = tmp_path / "out"
    assert psfr("--model", model, "--threads", "1,4", "--output", output, "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[1].endswith("restorer int8, xnnpack, 4 threads")
    assert lines[-1].startswith("4 cases, 3 processes each: about 1 minute, and up to 180 s")
    assert not output.exists()


def test_a_bad_file_is_named_and_the_others_are_measured(exported, plan, tmp_path, capsys):
    bad, good = tmp_path / "bad.tflite", exported[0] / "restorer_int8-dynamic.tflite"
    bad.write_bytes(b"no model")
    assert psfr("--plan", plan, "--model", bad, good, "--output", tmp_path / "out") == 1
    assert "bad.tflite: not a LiteRT" in capsys.readouterr().err
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert len(results["rows"]) == 3 and "bad.tflite" in results["problems"][0]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--model", "a.tflite", "--delegates", "npu"),
        ("--model", "a.tflite", "--threads", "0"),
        ("--model", "a.tflite", "--affinity", "fast"),
        ("--plan", "plan.yaml", "--threads", "1"),
    ],
)
def test_bad_usage(arguments, tmp_path):
    with pytest.raises(SystemExit) as end:
        psfr(*arguments, "--output", tmp_path / "out")
    assert end.value.code == 2
    assert not (tmp_path / "out").exists()


def test_nothing_to_measure(tmp_path, capsys):
    assert psfr("--model", tmp_path, "--output", tmp_path / "out") == 1
    assert "no .tflite or .onnx files here" in capsys.readouterr().err
