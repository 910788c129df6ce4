"""Atomic writes."""

import hashlib
import os
import subprocess
import sys

import pytest

from psfr_tf import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "report.json"
    files.write_json(path, {"done": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"done": object()})
    with pytest.raises(RuntimeError), files.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == '{\n  "done": 1\n}\n'
    assert os.listdir(tmp_path) == ["report.json"]


def test_the_temporary_file_keeps_all_suffixes_and_the_result_is_readable(tmp_path):
    with files.atomic_path(tmp_path / "generator.weights.h5") as temporary:
        assert temporary.name.endswith(".weights.h5")
        assert temporary.parent == tmp_path
        temporary.write_text("weights")
    assert (tmp_path / "generator.weights.h5").stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_a_large_file_is_hashed_as_python_3_10_can(tmp_path, monkeypatch):
    content = bytes(range(256)) * 5000
    (tmp_path / "large").write_bytes(content)
    monkeypatch.delattr(hashlib, "file_digest", raising=False)
    assert files.sha256(tmp_path / "large") == hashlib.sha256(content).hexdigest()


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "1"
    with pytest.raises(RuntimeError), files.atomic_folder(target) as temporary:
        (temporary / "graph").write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path) == []
    with files.atomic_folder(target) as temporary:
        assert temporary.parent == tmp_path
        (temporary / "graph").write_text("whole")
        assert not target.exists()
    assert target.stat().st_mode & 0o777 == 0o777 & ~_umask()
    with pytest.raises(OSError), files.atomic_folder(target) as temporary:
        (temporary / "graph").write_text("other")
    assert (target / "graph").read_text() == "whole"
    assert os.listdir(tmp_path) == ["1"]


@pytest.mark.parametrize(
    "name, ending",
    [
        ("Mr. " + "y" * 247 + ".png", ".png"),
        ("a." + "b" * 253, ""),
        ("n" * 255, ""),
        ("generator.weights.h5", ".weights.h5"),
        ("a.b.tflite", ".tflite"),
    ],
)
def test_names_at_the_limit_of_the_file_system(tmp_path, name, ending):
    with files.atomic_path(tmp_path / name) as temporary:
        assert temporary.name.endswith(ending) and len(temporary.name) < 50
        temporary.write_text("x")
    assert os.listdir(tmp_path) == [name]


def test_the_umask_of_the_process_is_not_touched(tmp_path, monkeypatch):
    before = os.umask(0o077)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda mask: pytest.fail("other threads make files, too"))
            files.write_text(tmp_path / "a", "x")
            with files.atomic_folder(tmp_path / "b"):
                pass
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_what_a_killed_process_has_left_goes_and_what_is_in_use_stays(tmp_path):
    code = (
        "import os, sys, signal\n"
        "from psfr_tf import files\n"
        "with files.atomic_path(sys.argv[1] + '/a.png'), files.atomic_folder(sys.argv[1] + '/1'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    inside = tmp_path / "restored"
    for folder in (tmp_path, inside):
        folder.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-c", code, folder])
        assert len(list(folder.glob(".partial-*"))) == 2
    known = len(os.listdir(tmp_path))
    old = tmp_path / ".partial-0123abcd.png"  # of another computer, or of an earlier version
    new = tmp_path / ".partial-0123abcd-7-01234567.weights.h5"
    others = [tmp_path / name for name in (".partial-notes", ".partial-0123abcd.d/e", ".bashrc")]
    for path in (old, new, *others):
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    os.utime(old, (0, 0))
    with files.atomic_path(tmp_path / "b.png") as mine:
        files.remove_leftovers(tmp_path)
        assert mine.exists()
    assert sorted(os.listdir(tmp_path)) == sorted(
        ["restored", "b.png", new.name, ".partial-notes", ".partial-0123abcd.d", ".bashrc"]
    )
    assert known == 3 and os.listdir(inside) == []
