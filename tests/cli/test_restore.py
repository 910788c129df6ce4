import json
import os
import re
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data

from psfr_tf import restore_result
from psfr_tf.cli import main
from psfr_tf.faces.align import template
from psfr_tf.faces.detect import Face
from psfr_tf.labels import COLORS
from psfr_tf.restorer import FaceRestorer

SIZE = 64


pytestmark = pytest.mark.usefixtures("loaded_once")


def psfr(*arguments):
    return main.run(main.parse_arguments(["psfr", *map(str, arguments)]))


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def portrait():
    return np.ascontiguousarray(data.astronaut()[:256, 80:360])


def report_of(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def read(path):
    with Image.open(path) as image:
        return np.array(image)


def test_a_photo(tmp_path, capsys):
    photo = save(tmp_path / "in" / "eileen.png", portrait())
    out = tmp_path / "out"
    assert psfr("restore", photo, "--output", out, "--save-faces") == 0
    assert "1 restored (1 face)" in capsys.readouterr().out
    image = read(out / "restored" / "eileen.png")
    assert image.shape == portrait().shape
    changed = np.abs(image.astype(int) - portrait()).max(axis=2) > 0
    assert changed.any() and not changed[:, :20].any()
    names = [f"eileen_00_{kind}.png" for kind in ("lq", "parsing", "restored")]
    assert sorted(path.name for path in (out / "faces").iterdir()) == names
    for name in names:
        assert read(out / "faces" / name).shape == (SIZE, SIZE, 3)
    colors = {tuple(c) for c in read(out / "faces" / names[1]).reshape(-1, 3)}
    assert colors <= {tuple(c) for c in COLORS}
    report = report_of(out)
    assert report["counts"] == {
        "inputs": 1, "restored": 1, "no_face": 0, "failed": 0, "faces": 1, "rejected": 0
    }  # fmt: skip
    (entry,) = report["files"]
    assert entry["status"] == "restored" and entry["output"] == "restored/eileen.png"
    assert entry["width"] == 280 and entry["seconds"] > 0
    assert len(entry["faces"][0]["landmarks"]) == 5


def test_results_never_replace_photos(tmp_path, capsys):
    photo = save(tmp_path / "restored" / "a.png", portrait())
    before = photo.read_bytes()
    assert psfr("restore", photo, "--output", tmp_path) == 1
    assert psfr("restore", photo.parent, "--output", tmp_path / "restored" / "..") == 1
    errors = capsys.readouterr().err.splitlines()
    assert len([line for line in errors if "the results would replace the photos" in line]) == 2
    assert photo.read_bytes() == before
    assert list(tmp_path.iterdir()) == [photo.parent]


def test_paths_that_cannot_be_followed_are_bad_photos(tmp_path, capsys):
    save(tmp_path / "good.png", portrait())
    (tmp_path / "link.jpg").symlink_to(tmp_path / ("m" * 300))
    out = tmp_path / "out"
    assert psfr("restore", tmp_path / ("n" * 300), tmp_path, "--output", out) == 1
    statuses = {os.path.basename(f["input"]): f["status"] for f in report_of(out)["files"]}
    assert statuses == {"n" * 300: "failed", "good.png": "restored", "link.jpg": "failed"}
    assert capsys.readouterr().err.count("file name too long") == 2


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux only")
def test_a_name_that_is_not_utf8(tmp_path):
    photo = save(tmp_path / os.fsdecode(b"caf\xe9.png"), portrait())
    assert psfr("restore", photo, "--output", tmp_path / "out") == 0
    (entry,) = report_of(tmp_path / "out")["files"]
    assert entry["input"] == str(photo)
    assert (tmp_path / "out" / entry["output"]).is_file()


def test_bad_inputs_get_one_line_each_and_the_rest_goes_on(tmp_path, capsys):
    good = save(tmp_path / "good.png", portrait())
    empty = tmp_path / "empty.jpg"
    empty.touch()
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    cut = save(tmp_path / "cut.jpg", data.astronaut())
    cut.write_bytes(cut.read_bytes()[:2000])
    missing = tmp_path / "missing.jpg"
    folder = tmp_path / "nothing inside"
    folder.mkdir()
    out = tmp_path / "out"
    bad = [empty, text, cut, missing, folder]
    assert psfr("restore", *bad, good, "--output", out) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    lines = [line for line in lines if line.startswith("psfr: error: ")]
    assert len(lines) == len(bad)
    for path in bad:
        assert sum(f"{path}: " in line for line in lines) == 1
    report = report_of(out)
    assert report["counts"]["failed"] == 5 and report["counts"]["restored"] == 1
    assert report["counts"]["inputs"] == 6
    failed = {entry["input"]: entry["error"] for entry in report["files"] if "error" in entry}
    assert set(failed) == {str(path) for path in bad}
    assert os.listdir(out / "restored") == ["good.png"]


def test_no_face_copies_the_photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (60, 90, 4), dtype=np.uint8)
    photo = save(tmp_path / "noise.png", pixels)
    assert psfr("restore", photo, "--output", tmp_path / "out") == 0
    np.testing.assert_array_equal(read(tmp_path / "out" / "restored" / "noise.png"), pixels)
    assert report_of(tmp_path / "out")["files"][0]["status"] == "no_face"


def test_alpha_is_kept_and_enlarged(tmp_path):
    alpha = np.zeros((256, 280), np.uint8)
    alpha[:, 100:] = 255
    photo = save(tmp_path / "a.png", np.dstack([portrait(), alpha]))
    assert psfr("restore", photo, "--output", tmp_path / "out", "--upscale", 2) == 0
    image = read(tmp_path / "out" / "restored" / "a.png")
    assert image.shape == (512, 560, 4)
    assert (image[:, :190, 3] == 0).all() and (image[:, 210:, 3] == 255).all()


def test_gray_stays_gray(tmp_path):
    photo = save(tmp_path / "a.png", np.ascontiguousarray(portrait()[..., 1]))
    assert psfr("restore", photo, "--output", tmp_path / "out") == 0
    assert read(tmp_path / "out" / "restored" / "a.png").shape == (256, 280)


def test_strength_zero(tmp_path):
    photo = save(tmp_path / "a.png", portrait())
    assert psfr("restore", photo, "--output", tmp_path / "out", "--strength", 0) == 0
    np.testing.assert_array_equal(read(tmp_path / "out" / "restored" / "a.png"), portrait())


def test_a_rejected_face_is_reported(tmp_path, capsys, monkeypatch):
    restorer = FaceRestorer.from_pretrained("any")
    face = Face((40, 50, 30, 40), 0.9, (template(64) * 0.6 + [40, 50]).astype(np.float32))
    stone = lambda photo, *limits: [face] if photo.shape[:2] == (256, 280) else []  # noqa: E731
    monkeypatch.setattr(restorer, "_detector", stone)
    photo = save(tmp_path / "stone.png", portrait())
    assert psfr("restore", photo, "--output", tmp_path / "out") == 0
    np.testing.assert_array_equal(read(tmp_path / "out" / "restored" / "stone.png"), portrait())
    report = report_of(tmp_path / "out")
    assert report["counts"]["rejected"] == 1 and report["counts"]["no_face"] == 1
    (entry,) = report["files"]
    assert entry["status"] == "no_face" and entry["faces"] == []
    assert entry["rejected"][0]["box"] == [40, 50, 30, 40]
    assert "no nose and mouth" in entry["rejected"][0]["reason"]
    captured = capsys.readouterr()
    assert "stone.png: not restored at 40,50 (30x40 px): no nose" in captured.err
    assert "1 doubtful face left as it is" in captured.out


def test_unwritable_output(tmp_path, capsys):
    photo = save(tmp_path / "a.png", portrait())
    blocker = tmp_path / "file"
    blocker.touch()
    assert psfr("restore", photo, "--output", blocker / "out") == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert re.match(r"psfr: error: .*out: cannot write to the output folder", lines[0])


def test_upscale_beyond_memory_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("psfr_tf.cli.restore_photo.MAX_PIXELS", 100_000)
    photo = save(tmp_path / "a.png", portrait())
    assert psfr("restore", photo, "--output", tmp_path / "out", "--upscale", 2) == 1
    assert "lower --upscale" in capsys.readouterr().err


def test_a_full_disk_fails_one_photo_only(tmp_path, monkeypatch, capsys):
    photos = [save(tmp_path / name, portrait()) for name in ("a.png", "b.png")]
    write = restore_result.write_photo

    def fail_once(path, *arguments):
        if path.name == "a.png":
            raise OSError(28, "No space left on device", str(path))
        write(path, *arguments)

    monkeypatch.setattr(restore_result, "write_photo", fail_once)
    assert psfr("restore", *photos, "--output", tmp_path / "out") == 1
    assert "no space left on device" in capsys.readouterr().err
    assert os.listdir(tmp_path / "out" / "restored") == ["b.png"]


def test_clashing_photos_are_both_written(tmp_path):
    first = save(tmp_path / "a.bmp", np.full((30, 30, 3), 10, np.uint8))
    second = save(tmp_path / "a.png", np.full((30, 30, 3), 20, np.uint8))
    assert psfr("restore", first, second, "--output", tmp_path / "out") == 0
    assert (read(tmp_path / "out" / "restored" / "a.png") == 10).all()
    assert (read(tmp_path / "out" / "restored" / "a_png.png") == 20).all()
    outputs = {entry["input"]: entry["output"] for entry in report_of(tmp_path / "out")["files"]}
    assert outputs[str(second)] == "restored/a_png.png"


@pytest.mark.slow
def test_solvay(tmp_path, photos_dir):
    photo = photos_dir / "Solvay_conference_1927.jpg"
    assert psfr("restore", photo, "--output", tmp_path, "--save-faces") == 0
    counts = report_of(tmp_path)["counts"]
    # An untrained parsing network shows no noses: the detector alone has to be sure.
    assert counts["faces"] >= 20 and counts["faces"] + counts["rejected"] == 29
    assert len(list((tmp_path / "faces").iterdir())) == 3 * counts["faces"]
    assert read(tmp_path / "restored" / "Solvay_conference_1927.png").shape == (1066, 2732, 3)
