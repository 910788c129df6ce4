"""`psfr benchmark`: usage, bad input, the table and the report."""

import json

import numpy as np
import pytest
from PIL import Image

from psfr_tf.cli import main
from psfr_tf.data.toy_faces import draw_face


def benchmark(*arguments):
    return main.run(main.parse_arguments(["psfr", "benchmark", *map(str, arguments)]))


@pytest.mark.slow
def test_data(tmp_path, capsys):
    faces = tmp_path / "faces"
    faces.mkdir()
    Image.fromarray(draw_face(0, 40)[0]).save(faces / "a.png")
    arguments = ("--size", 32, "--images", 2, "--repeats", 1, "--threads", 1, "--data", faces)
    assert benchmark("data", *arguments, "--output", tmp_path / "out") == 0
    table = capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["form"] == "release" and report["size"] == 32 and report["threads"] == 1
    assert report["machine"]["cores"] >= 1 and report["machine"]["cpu"]
    for row in report["stages"]:
        assert any(line.startswith(row["stage"]) for line in table.splitlines())


def test_evaluate(tmp_path, capsys):
    out = tmp_path / "out"
    assert benchmark("evaluate", "--size", 176, "--images", 3, "--output", out) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["images"] == 3 and report["size"] == 176
    assert report["images_per_second"] == pytest.approx(3 / report["seconds"])
    assert f"peak memory {report['peak_memory_mib']:.0f} MiB" in capsys.readouterr().out
    assert [path.name for path in out.iterdir()] == ["report.json"]  # the pictures are gone


@pytest.mark.parametrize(
    "arguments",
    [[], ["data"], ["weather", "--output", "x"], ["data", "--output", "x", "--size", "1024"]],
)
def test_bad_usage(arguments):
    with pytest.raises(SystemExit) as exit_code:
        benchmark(*arguments)
    assert exit_code.value.code == 2


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as exit_code:
        benchmark("data", "--help")
    assert exit_code.value.code == 0
    assert "psfr benchmark data --form release" in capsys.readouterr().out


def test_faces_that_cannot_be_used_are_named(tmp_path, capsys):
    assert benchmark("data", "--data", tmp_path / "none", "--output", tmp_path / "out") == 1
    assert "none: not a folder" in capsys.readouterr().err
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(tmp_path / "wide.png")
    assert benchmark("data", "--data", tmp_path, "--output", tmp_path / "out") == 1
    assert "wide.png: not square" in capsys.readouterr().err
