"""`psfr prepare` from the command line: exit codes, the lines it prints, report.json."""

import json
import os
import signal

import numpy as np
import pytest
from PIL import Image

from psfr_tf.cli import main
from psfr_tf.data.prepare import Preparation
from psfr_tf.data.toy_faces import draw_face


@pytest.fixture
def faces(tmp_path):
    folder = tmp_path / "faces"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for seed in range(6):
        rgb, labels = draw_face(seed, 32)
        Image.fromarray(rgb).save(folder / "images" / f"face{seed}.png")
        Image.fromarray(labels).save(folder / "masks" / f"face{seed}.png")
    return folder


def psfr(*arguments) -> int:
    return main.run(main.parse_arguments(["psfr", "prepare", *map(str, arguments)]))


def report(folder) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_good_faces_exit_0(faces, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = ["folder", faces, "--output", output, "--shard-size", 4]
    assert psfr(*arguments) == 0
    assert "6 faces in shards (6 train), 0 left out" in capsys.readouterr().out
    assert report(output)["shards"] == {"written": 2, "kept": 0, "repaired": []}
    assert psfr(*arguments) == 0
    assert report(output)["shards"] == {"written": 0, "kept": 2, "repaired": []}
    assert "written again" not in capsys.readouterr().out
    damaged = output / "train-00001-of-00002.tfrecord"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert psfr(*arguments) == 0
    assert f"written again: {damaged.name}" in capsys.readouterr().out
    assert report(output)["shards"] == {"written": 0, "kept": 1, "repaired": [damaged.name]}


def test_bad_faces_are_counted_by_kind_and_exit_1(faces, tmp_path, capsys):
    for seed in range(4):
        (faces / "masks" / f"face{seed}.png").unlink()
    Image.new("L", (32, 32), 44).save(faces / "masks" / "face4.png")
    output = tmp_path / "out"
    assert psfr("folder", faces, "--output", output) == 1
    missing, unknown = capsys.readouterr().err.splitlines()
    assert missing.startswith("psfr: error: missing mask: 4: ")
    assert "face2.png" in missing and "face3.png" not in missing
    assert missing.endswith("; ... (all in report.json)")
    assert unknown.startswith("psfr: error: unknown label: 1: ") and "label 44 found" in unknown
    counts = report(output)["counts"]
    assert counts == {
        "pictures": 6,
        "good": 1,
        "left_out": 5,
        "splits": {"train": 1},
        "problems": {"missing mask": 4, "unknown label": 1},
    }
    problems = report(output)["problems"]
    assert [problem["face"] for problem in problems] == [f"face{seed}" for seed in range(5)]


def test_check_writes_only_the_report(faces, tmp_path, capsys):
    np.save(faces / "images" / "not_a_picture.npy", np.zeros(3))
    output = tmp_path / "out"
    assert psfr("folder", faces, "--output", output, "--check") == 0
    assert "6 faces good (6 train), 0 left out" in capsys.readouterr().out
    assert [path.name for path in output.iterdir()] == ["report.json"]


def test_a_wrong_layout_is_one_line(faces, tmp_path, capsys):
    assert psfr("ffhq", faces / "images", "--output", tmp_path / "out") == 1
    assert psfr("celebamask-hq", faces, "--output", tmp_path / "out") == 1
    assert psfr("folder", tmp_path / "nowhere", "--output", tmp_path / "out") == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3 and all(line.startswith("psfr: error: ") for line in errors)
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit) as end:
        psfr("celebamask-hq", faces, "--output", tmp_path / "out", "--masks", faces)
    assert end.value.code == 2


def test_interrupted_it_says_so_and_goes_on_later(faces, tmp_path, capsys, monkeypatch):
    def interrupted(self, progress):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Preparation, "run", interrupted)
        assert psfr("folder", faces, "--output", tmp_path / "out") == 1
    assert "run the same command again to continue" in capsys.readouterr().err
    assert report(tmp_path / "out")["interrupted"]
    assert psfr("folder", faces, "--output", tmp_path / "out") == 0


def test_a_signal_ends_with_a_report_and_the_next_run_goes_on(faces, tmp_path, monkeypatch, capsys):
    from psfr_tf.data import records

    (faces / "images" / "list.txt").touch()
    out = tmp_path / "out"
    arguments = ["folder", faces, "--output", out, "--shard-size", 2]
    write, calls = records.write_shard, []

    def interrupted(path, found):
        calls.append(path)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return write(path, found)

    monkeypatch.setattr(records, "write_shard", interrupted)
    assert psfr(*arguments) == 1
    error = capsys.readouterr().err
    assert "run the same command again to continue" in error
    assert "skipped 1 file, not a picture: list.txt" in error
    assert report(out)["interrupted"] and not list(out.glob(".partial-*"))
    assert psfr(*arguments) == 0
    assert report(out)["shards"] == {"written": 2, "kept": 1, "repaired": []}
