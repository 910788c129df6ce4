"""`psfr degrade` from end to end on drawn faces."""

import csv
import json
import os
import signal

import numpy as np
import pytest
from PIL import Image

from psfr_tf.cli import main
from psfr_tf.data.toy_faces import draw_face


def degrade(*arguments):
    return main.run(main.parse_arguments(["psfr", "degrade", *map(str, arguments)]))


@pytest.fixture
def faces(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for seed in range(3):
        Image.fromarray(draw_face(seed, 80)[0]).save(folder / f"face_{seed}.png")
    return folder


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def test_set_and_manifest(faces, tmp_path, capsys):
    out = tmp_path / "out"
    assert degrade(faces, "--output", out, "--seed", 5, "--size", 64) == 0
    assert "3 degraded, 0 failed" in capsys.readouterr().out
    with open(out / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    face = {"name": "face_1", "source_file": "face_1.png", "form": "paper"}
    assert {**rows[1], **face, "seed": "5", "index": "1", "size": "64"} == rows[1]
    assert rows[1]["blur"] in ("gaussian", "average", "median", "motion")
    assert 35 <= int(rows[1]["jpeg_quality"]) <= 90 and rows[1]["compressed"] == "1"
    for row in rows:
        lq, hq = (pixels(out / folder / f"{row['name']}.png") for folder in ("lq", "hq"))
        assert lq.shape == hq.shape == (64, 64, 3)
        assert np.abs(lq - hq).mean() > 1
    assert json.loads((out / "report.json").read_text())["counts"]["degraded"] == 3


def test_same_seed_same_set(faces, tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        degrade(faces, "--output", tmp_path / name, "--seed", seed, "--size", 64)
    a, b, c = (pixels(tmp_path / name / "lq" / "face_2.png") for name in "abc")
    assert (a == b).all()
    assert (a != c).any()
    manifests = [(tmp_path / name / "manifest.csv").read_text() for name in "ab"]
    assert manifests[0] == manifests[1]


@pytest.mark.parametrize("form", ["paper", "release", "natural", "jpeg75"])
def test_set_made_again_from_its_manifest(faces, tmp_path, form, capsys):
    first, again = tmp_path / "first", tmp_path / "again"
    assert degrade(faces, "--output", first, "--seed", 5, "--size", 64, "--form", form) == 0
    # Fewer faces, so places in the folder differ; the manifest alone decides.
    rows = (first / "manifest.csv").read_text().splitlines()
    (tmp_path / "part.csv").write_text("\n".join([rows[0], *rows[:1:-1]]) + "\n")
    assert degrade(faces, "--output", again, "--from-manifest", tmp_path / "part.csv") == 0
    for name in ("face_1", "face_2"):
        for folder in ("lq", "hq"):
            one, two = ((x / folder / f"{name}.png").read_bytes() for x in (first, again))
            assert one == two
    assert not (again / "lq" / "face_0.png").exists()
    assert (again / "manifest.csv").read_text() == (tmp_path / "part.csv").read_text()

    # What differs is said: another draw, another sharp face.
    draws = dict(zip(rows[0].split(","), rows[1].split(","), strict=True))
    draws |= {"low_size": "33"}
    changed = ",".join(draws.values())
    (tmp_path / "changed.csv").write_text("\n".join([rows[0], changed, *rows[2:]]) + "\n")
    Image.fromarray(draw_face(9, 80)[0]).save(faces / "face_2.png")
    capsys.readouterr()
    assert degrade(faces, "--output", again, "--from-manifest", tmp_path / "changed.csv") == 1
    error = capsys.readouterr().err
    assert "face_0: its pixels differ" in error and "face_2: its sharp face is another" in error
    assert error.count("psfr: error") == 2


def test_a_manifest_of_the_first_version(faces, tmp_path):
    first, again, manifest = tmp_path / "first", tmp_path / "again", tmp_path / "old.csv"
    degrade(faces, "--output", first, "--seed", 5, "--size", 64)
    text = (first / "manifest.csv").read_text()
    assert text.count(",gray,") == 1
    manifest.write_text(text.replace(",gray,", ",grey,"))
    assert degrade(faces, "--output", again, "--from-manifest", manifest) == 0
    assert (again / "manifest.csv").read_text() == text


def test_manifests_that_cannot_be_used(faces, tmp_path, capsys):
    degrade(faces, "--output", tmp_path / "set", "--seed", 5, "--size", 64)
    text = (tmp_path / "set" / "manifest.csv").read_text()
    bad = {
        "absent": None,
        "short": "name,seed\nface_0,5\n",
        "damaged": text.replace(",paper,", ",paper ,", 1),
        "outside": text.replace("face_0,face_0", "../face_0,face_0"),
    }
    capsys.readouterr()
    for name, content in bad.items():
        if content:
            (tmp_path / f"{name}.csv").write_text(content)
        out = ("--output", tmp_path / "out")
        assert degrade(faces, *out, "--from-manifest", tmp_path / f"{name}.csv") == 1
        line = capsys.readouterr().err
        assert line.count("\n") == 1 and f"{name}.csv: " in line
    assert not list((tmp_path / "out" / "lq").iterdir())


def test_bad_files_are_named_and_the_others_done(faces, tmp_path, capsys):
    degrade(faces, "--output", tmp_path / "whole", "--seed", 5, "--size", 64)
    (faces / "face_0.png").write_bytes(b"")
    assert degrade(faces, "--output", tmp_path / "part", "--seed", 5, "--size", 64) == 1
    error = capsys.readouterr().err
    assert error.count("psfr: error:") == 1 and "face_0.png: the file is empty" in error
    # The bad file keeps its place, so that the others are degraded as before.
    for name in ("face_1", "face_2"):
        whole, part = (pixels(tmp_path / x / "lq" / f"{name}.png") for x in ("whole", "part"))
        assert (whole == part).all()
    assert not (tmp_path / "part" / "lq" / "face_0.png").exists()
    report = json.loads((tmp_path / "part" / "report.json").read_text())
    assert report["counts"] == {"degraded": 2, "failed": 1}


def test_refuses_to_replace_the_faces(faces, tmp_path, capsys):
    before = (faces / "face_0.png").read_bytes()
    faces.rename(tmp_path / "lq")
    assert degrade(tmp_path / "lq", "--output", tmp_path, "--seed", 5) == 1
    assert "choose another --output" in capsys.readouterr().err
    assert (tmp_path / "lq" / "face_0.png").read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--seed", "-1"],
        ["--from-manifest", "m.csv", "--size", "64"],
        ["--seed", "0", "--size", "16"],
        ["--seed", "x"],
    ],
)
def test_bad_usage(faces, tmp_path, arguments):
    with pytest.raises(SystemExit) as exit_code:
        degrade(faces, "--output", tmp_path / "out", *arguments)
    assert exit_code.value.code == 2
    assert not (tmp_path / "out").exists()


def test_missing_folder(tmp_path, capsys):
    assert degrade(tmp_path / "none", "--output", tmp_path / "out", "--seed", 0) == 1
    assert "none: no such folder" in capsys.readouterr().err


def test_pairs_of_another_set_are_not_mixed_in(faces, tmp_path, capsys):
    out = tmp_path / "out"
    assert degrade(faces, "--output", out, "--seed", 5, "--size", 64) == 0
    before = (out / "manifest.csv").read_bytes()
    assert degrade(faces, "--output", out, "--seed", 5, "--size", 64) == 0
    (faces / "face_1.png").unlink()
    assert degrade(faces, "--output", out, "--seed", 5, "--size", 64) == 1
    assert "face_1.png of another set" in capsys.readouterr().err
    assert (out / "manifest.csv").read_bytes() == before


def test_a_refused_face_is_not_counted_or_written(faces, tmp_path):
    out = tmp_path / "again"
    degrade(faces, "--output", tmp_path / "first", "--seed", 5, "--size", 64)
    Image.fromarray(draw_face(9, 80)[0]).save(faces / "face_2.png")
    manifest = tmp_path / "first" / "manifest.csv"
    assert degrade(faces, "--output", out, "--from-manifest", manifest) == 1
    report = json.loads((out / "report.json").read_text())
    assert report["counts"] == {"degraded": 2, "failed": 1}
    assert not (out / "lq" / "face_2.png").exists()
    assert "face_2" not in (out / "manifest.csv").read_text()


@pytest.mark.parametrize("again", ["seed", "manifest"])
def test_an_interrupted_run_goes_on(faces, tmp_path, monkeypatch, capsys, again):
    from psfr_tf import files

    whole, out = tmp_path / "whole", tmp_path / "out"
    how = ["--seed", 5, "--size", 64]
    assert degrade(faces, "--output", whole, *how) == 0
    if again == "manifest":
        how = ["--from-manifest", whole / "manifest.csv"]
    write, written = files.write_png, []

    def interrupted(path, pixels):
        if len(written) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        written.append(path.name)
        write(path, pixels)

    monkeypatch.setattr(files, "write_png", interrupted)
    assert degrade(faces, "--output", out, *how) == 1
    assert "run the same command again to continue" in capsys.readouterr().err
    assert json.loads((out / "report.json").read_text())["interrupted"]
    assert (out / "manifest.csv").read_text().count("\n") == 2
    written[:] = [""] * 3
    assert degrade(faces, "--output", out, *how) == 0
    assert "3 degraded (1 of them before)" in capsys.readouterr().out
    assert sorted(set(written)) == ["", "face_1.png", "face_2.png"]
    assert (out / "manifest.csv").read_text() == (whole / "manifest.csv").read_text()
    assert sorted(os.listdir(out)) == ["hq", "lq", "manifest.csv", "report.json"]
