"""`psfr parse` on folders like FFHQ: sub-folders, size of the maps, batches, maps kept."""

import json
import os
import signal

import numpy as np
import pytest
from PIL import Image

from psfr_tf.cli import main, parse
from psfr_tf.data.toy_faces import draw_face


class _Network:
    """Parses by brightness: no weights needed, and every face has its own map."""

    def __init__(self):
        self.batches = []

    def parse(self, lq):
        self.batches.append(len(lq))
        return np.argmin(np.abs(lq[..., :1] - np.linspace(-1, 1, 19)), axis=-1)


@pytest.fixture
def network(monkeypatch):
    network = _Network()
    monkeypatch.setattr(parse, "_network", lambda weights: (lambda lq: network.parse(lq), 32))
    return network


@pytest.fixture
def faces(tmp_path):
    """Five faces in FFHQ's sub-folders."""
    for seed, number in enumerate((0, 1, 2, 1000, 1001)):
        folder = tmp_path / "faces" / f"{number // 1000 * 1000:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_face(seed, 64)[0]).save(folder / f"{number:05d}.png")
    return tmp_path / "faces"


def psfr(*arguments) -> int:
    return main.run(main.parse_arguments(["psfr", "parse", *map(str, arguments)]))


def maps(folder) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))}


def counts(folder) -> dict:
    return json.loads((folder / "report.json").read_text())["counts"]


def test_sub_folders_size_and_batches(network, faces, tmp_path):
    single, out = tmp_path / "single", tmp_path / "out"
    assert psfr(faces, "--output", out, "--size", 48, "--batch-size", 2) == 0
    assert network.batches == [2, 2, 1]
    assert psfr(faces, "--output", single, "--size", 48, "--batch-size", 1) == 0
    found = maps(out)
    assert list(found) == ["00000.png", "00001.png", "00002.png", "01000.png", "01001.png"]
    for name, labels in maps(single).items():
        assert labels.shape == (48, 48)
        np.testing.assert_array_equal(labels, found[name])
    assert not np.array_equal(found["00000.png"], found["00001.png"])


def test_maps_of_the_right_size_are_kept(network, faces, tmp_path, capsys):
    out = tmp_path / "out"
    assert psfr(faces, "--output", out) == 0
    first = maps(out)
    (out / "00001.png").unlink()
    Image.new("P", (32, 32)).save(out / "00002.png")
    (out / "01000.png").write_bytes(b"half a")
    kept = (out / "00000.png").stat().st_mtime_ns
    assert psfr(faces, "--output", out) == 0
    assert counts(out) == {"inputs": 5, "parsed": 3, "kept": 2, "failed": 0}
    assert "3 parsed, 2 kept, 0 failed" in capsys.readouterr().out
    assert (out / "00000.png").stat().st_mtime_ns == kept
    for name, labels in maps(out).items():
        np.testing.assert_array_equal(labels, first[name])
    os.utime(out / "00000.png", (0, 0))
    assert psfr(faces, "--output", out, "--overwrite") == 0
    assert counts(out)["parsed"] == 5 and (out / "00000.png").stat().st_mtime > 0


def test_maps_must_not_replace_faces_in_sub_folders(network, faces, capsys):
    assert psfr(faces, "--output", faces / "01000") == 1
    assert "would replace the faces" in capsys.readouterr().err


def test_pictures_that_are_not_square_are_bad_faces(network, faces, tmp_path, capsys):
    Image.new("RGB", (64, 80)).save(faces / "00000" / "00009.png")
    assert psfr(faces, "--weights", "any", "--output", tmp_path / "maps") == 1
    assert "00009.png: 64x80 pixels, faces must be square" in capsys.readouterr().err
    assert not (tmp_path / "maps" / "00009.png").exists()
    assert (tmp_path / "maps" / "00001.png").exists()


def test_maps_of_other_weights_are_drawn_again_and_those_of_nobody_kept(
    network, faces, tmp_path, monkeypatch
):
    from psfr_tf.cli import parse

    out = tmp_path / "out"
    monkeypatch.setattr(parse, "_digest", lambda weights: f"digest of {weights}")
    assert psfr(faces, "--output", out, "--weights", "one") == 0
    Image.new("P", (64, 64)).save(out / "00000.png")  # drawn by hand
    assert psfr(faces, "--output", out, "--weights", "one") == 0
    assert counts(out) == {"inputs": 5, "parsed": 0, "kept": 5, "failed": 0}
    assert psfr(faces, "--output", out, "--weights", "other") == 0
    assert counts(out) == {"inputs": 5, "parsed": 4, "kept": 1, "failed": 0}


def test_an_interrupted_run_keeps_what_was_done(network, faces, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    predict = network.parse

    def interrupted(lq):
        if len(network.batches) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return predict(lq)

    monkeypatch.setattr(network, "parse", interrupted)
    assert psfr(faces, "--output", out, "--batch-size", 1) == 1
    report = json.loads((out / "report.json").read_text())
    assert report["interrupted"] and report["counts"]["parsed"] == 2
    assert sorted(os.listdir(out)) == ["00000.png", "00001.png", "report.json"]
    monkeypatch.setattr(network, "parse", predict)
    assert psfr(faces, "--output", out, "--batch-size", 1) == 0
    assert counts(out) == {"inputs": 5, "parsed": 3, "kept": 2, "failed": 0}


def test_what_is_no_picture_is_named(network, faces, tmp_path, capsys):
    (faces / "00000" / "readme.txt").touch()
    assert psfr(faces, "--output", tmp_path / "out") == 0
    assert "skipped 1 file, not a picture: readme.txt" in capsys.readouterr().err
