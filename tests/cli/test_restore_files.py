"""`psfr restore`: no photo is lost without a word, and a run that was stopped goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image
from skimage import data

from psfr_tf.cli import main, restore_album
from psfr_tf.cli.output_folder import output_names
from psfr_tf.pictures import find_photos
from psfr_tf.restore_result import RestoreResult
from psfr_tf.restorer import FaceRestorer


class _Restorer:
    """Finds no face: what becomes of the files does not depend on it."""

    size = 64

    class engine:
        name = "none"

    def __init__(self):
        self.calls = 0

    def restore(self, photo, **options):
        self.calls += 1
        return RestoreResult(photo.rgb, photo=photo, alpha=photo.alpha)


@pytest.fixture(autouse=True)
def restorer(monkeypatch):
    restorer = _Restorer()
    restorer.loads = 0

    def load(cls, *arguments):
        restorer.loads += 1
        return restorer

    monkeypatch.setattr(FaceRestorer, "from_pretrained", classmethod(load))
    return restorer


@pytest.fixture
def pixels():
    return np.ascontiguousarray(data.astronaut()[:64, :80])


def psfr(*arguments):
    return main.run(main.parse_arguments(["psfr", "restore", *map(str, arguments)]))


def report_of(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def written(out):
    return sorted(os.listdir(out / "restored"))


def save(folder, pixels, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(pixels).save(folder / name)
    return [folder / name for name in names]


def test_every_format_of_a_folder_is_taken_and_the_rest_named(tmp_path, pixels, capsys):
    folder = tmp_path / "in"
    save(folder, pixels, "a.jpg", "b.JP2", "c.tga", "d.avif", "e.mpo", "f.qoi", "g.webp")
    (folder / "notes.txt").touch()
    (folder / "film.mp4").touch()
    (folder / "deeper").mkdir()
    (folder / ".hidden").touch()
    assert psfr(folder, "--output", tmp_path / "out") == 0
    assert written(tmp_path / "out") == [f"{name}.png" for name in "abcdefg"]
    notes = [line for line in capsys.readouterr().err.splitlines() if "psfr: note" in line]
    assert notes == [
        f"psfr: note: {folder}: skipped 2 files, not pictures: film.mp4, notes.txt; "
        "1 subfolder not searched: deeper/"
    ]
    skipped = [os.path.basename(path.rstrip("/")) for path in report_of(tmp_path / "out")[
        "skipped_files"
    ]]  # fmt: skip
    assert skipped == ["film.mp4", "notes.txt", "deeper"]


def test_a_heic_photo_is_no_file_to_skip(tmp_path):
    (tmp_path / "IMG_1.HEIC").touch()
    photos, problems = find_photos([tmp_path])
    assert photos == [tmp_path / "IMG_1.HEIC"] and not problems


def test_notes_reach_the_terminal_and_the_report(tmp_path, pixels, capsys):
    (photo,) = save(tmp_path, pixels, "cut.jpg")
    photo.write_bytes(photo.read_bytes()[:-2])
    assert psfr(photo, "--output", tmp_path / "out") == 0
    (entry,) = report_of(tmp_path / "out")["files"]
    assert entry["notes"] == ["the end of the file is missing, but every row of pixels is there"]
    assert f"psfr: note: {photo}: the end of the file is missing" in capsys.readouterr().err


def test_the_model_is_not_loaded_before_there_is_a_photo(tmp_path, restorer, capsys):
    (tmp_path / "text.jpg").write_text("no picture")
    bad = [tmp_path / "nosuch.jpg", tmp_path / "text.jpg"]
    assert psfr(*bad, "--output", tmp_path / "out") == 1
    assert restorer.loads == 0
    assert "nosuch.jpg: no such file" in capsys.readouterr().err
    assert report_of(tmp_path / "out")["counts"]["failed"] == 2


def test_weights_without_weights(tmp_path, pixels, capsys):
    (photo,) = save(tmp_path, pixels, "a.png")
    assert psfr(photo, "--output", tmp_path / "out", "--weights", "psfrgan-512") == 1
    assert "a preset without weights; psfr convert" in capsys.readouterr().err


def test_the_report_has_the_fidelity_that_was_used(tmp_path, pixels):
    (photo,) = save(tmp_path, pixels, "a.png")
    psfr(photo, "--output", tmp_path / "out")
    assert 0 <= report_of(tmp_path / "out")["fidelity"] <= 1  # the shipped model has two points
    psfr(photo, "--output", tmp_path / "out", "--fidelity", 1)
    assert report_of(tmp_path / "out")["fidelity"] == 1


@pytest.mark.parametrize(
    "stem",
    ["n" * 251, "ä" * 125, "Mr. " + "y" * 240, "a." + "b" * 245, "Mr. yyyy...."],
    ids=["long", "two bytes", "title", "no suffix", "dots"],
)
@pytest.mark.parametrize("faces", [False, True])
def test_long_names(tmp_path, pixels, stem, faces):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(pixels).save(folder / f"{stem}.jpg", format="JPEG")
    options = ["--save-faces"] if faces else []
    assert psfr(folder, "--output", tmp_path / "out", *options) == 0
    (name,) = written(tmp_path / "out")
    if not faces:
        assert name == f"{stem}.png"
    assert len(os.fsencode(name)) <= (255 if not faces else 255 - len("_000_restored"))


def test_long_names_that_clash(tmp_path):
    photos = [tmp_path / f"{'n' * 250}{end}" for end in ("a.jpg", "a.png", "b.jpg", "a.tif")]
    names = output_names(photos, tmp_path, room=17)
    assert len(set(names)) == 4 and all(len(name) <= 255 - 17 for name in names)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_a_report_and_the_next_run_goes_on(
    tmp_path, pixels, restorer, monkeypatch, capsys, number
):
    photos = save(tmp_path / "in", pixels, "a.png", "b.png", "c.png")
    out = tmp_path / "out"
    restore = restorer.restore

    def interrupted(photo, **options):
        if restorer.calls == 1:
            time.sleep(0.2)  # A signal just before the main thread waits does not end the wait.
            for _ in range(2):  # as a shell and its parent send it
                signal.pthread_kill(threading.main_thread().ident, number)
            time.sleep(0.5)
        return restore(photo, **options)

    monkeypatch.setattr(restorer, "restore", interrupted)
    monkeypatch.setattr(restore_album, "available_cores", lambda: 1)
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    assert psfr(*photos, "--output", out) == 1
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == handlers
    # The photo in work is finished.
    assert written(out) == ["a.png", "b.png"] and "interrupted" in capsys.readouterr().out
    report = report_of(out)
    assert report["interrupted"] and report["counts"]["no_face"] == 2

    monkeypatch.setattr(restorer, "restore", restore)
    restorer.calls = 0
    assert psfr(*photos, "--output", out, "--skip-existing") == 0
    printed = capsys.readouterr().out
    assert "2 of 3 photos finished before, skipped" in printed
    assert "2 skipped, finished before" in printed
    assert restorer.calls == 1 and written(out) == ["a.png", "b.png", "c.png"]
    assert report_of(out)["counts"] == {
        "inputs": 3, "restored": 0, "no_face": 1, "failed": 0, "faces": 0, "rejected": 0,
        "skipped": 2,
    }  # fmt: skip
    restorer.loads = 0
    assert psfr(*photos, "--output", out, "--skip-existing") == 0
    assert restorer.loads == 0 and report_of(out)["counts"]["skipped"] == 3


def test_a_signal_leaves_no_partial_file(tmp_path):
    """SIGTERM while a file is written, in a process of its own."""
    code = (
        "import os, sys, time\n"
        "from psfr_tf import files\n"
        "from psfr_tf.cli.interrupt import signals_interrupt\n"
        "try:\n"
        "    with signals_interrupt(), files.atomic_path(sys.argv[1]) as temporary:\n"
        "        temporary.write_text('half')\n"
        "        print('writing', flush=True)\n"
        "        time.sleep(30)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(1)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a.png")], stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        assert len(os.listdir(tmp_path)) == 1
        process.terminate()
        assert process.wait(10) == 1
    assert os.listdir(tmp_path) == []


def test_what_is_not_skipped(tmp_path, pixels, restorer, capsys):
    photos = save(tmp_path / "in", pixels, "a.png", "b.png")
    out = tmp_path / "out"
    again = ("--output", out, "--skip-existing")
    assert psfr(*photos, "--output", out) == 0

    os.utime(photos[0], (time.time() + 100, time.time() + 100))  # a changed photo
    restorer.calls = 0
    assert psfr(*photos, *again) == 0 and restorer.calls == 1
    os.utime(photos[0], (0, 0))
    capsys.readouterr()
    assert psfr(*photos, *again, "--strength", "0.5") == 0  # other settings
    assert restorer.calls == 3
    assert "made with other settings (options), not skipped" in capsys.readouterr().err
    (other,) = save(tmp_path / "other", pixels, "a.png")  # another photo of that name
    os.utime(other, (0, 0))
    assert psfr(other, *again, "--strength", "0.5") == 0 and restorer.calls == 4


def test_what_a_killed_run_has_finished_is_skipped(tmp_path, pixels, restorer):
    photos = save(tmp_path / "in", pixels, "a.png", "b.png")
    out = tmp_path / "out"
    assert psfr(photos[0], "--output", out) == 0
    (out / "report.json").unlink()
    restorer.calls = 0
    assert psfr(*photos, "--output", out, "--skip-existing") == 0
    assert restorer.calls == 1


def test_the_report_of_a_killed_run_tells_its_settings(tmp_path, pixels, restorer, monkeypatch):
    """A kill leaves what was there just before a photo was restored."""
    (photo,) = save(tmp_path / "in", pixels, "a.png")
    out, kept = tmp_path / "out", {}

    def restore(photo, **options):
        kept["report"] = (out / "report.json").read_text()
        return RestoreResult(photo.rgb, photo=photo, alpha=photo.alpha)

    monkeypatch.setattr(restorer, "restore", restore)
    assert psfr(photo, "--output", out, "--strength", "0.5") == 0
    left = kept["report"]
    assert json.loads(left)["interrupted"]
    for strength, again in (("1", 1), ("0.5", 0)):
        (out / "report.json").write_text(left)
        restorer.loads = 0
        arguments = ("--output", out, "--skip-existing", "--strength", strength)
        assert psfr(photo, *arguments) == 0 and restorer.loads == again


def test_a_line_for_each_photo_on_a_terminal(tmp_path, pixels, monkeypatch, capsys):
    photos = save(tmp_path / "in", pixels, "a.png", "b.png")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert psfr(*photos, "--output", tmp_path / "out") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines[:2]] == [str(photo) for photo in photos]
    assert "no face, copied" in lines[0] and len(lines) == 3


def test_options_given_twice_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        psfr("a.jpg", "--output", tmp_path, "--strength", 1, "--strength", 0)
    assert end.value.code == 2 and "--strength is given twice" in capsys.readouterr().err


def test_signals_in_other_threads_are_left_alone(tmp_path, pixels):
    (photo,) = save(tmp_path, pixels, "a.png")
    codes = []
    thread = threading.Thread(
        target=lambda: codes.append(psfr(photo, "--output", tmp_path / "out"))
    )
    thread.start()
    thread.join()
    assert codes == [0]
