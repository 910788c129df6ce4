"""One run at a time in an output folder."""

import os
import subprocess
import sys

import pytest

from psfr_tf.cli import main
from psfr_tf.errors import UserError
from psfr_tf.output_lock import only_run_in

pytest.importorskip("fcntl", reason="this system has no such locks")


def test_a_second_one_is_refused_and_the_lock_given_back(tmp_path):
    with only_run_in(tmp_path):
        refused = pytest.raises(UserError, match="another psfr command is writing to this folder")
        with refused, only_run_in(tmp_path):
            pass
    with only_run_in(tmp_path):
        assert os.listdir(tmp_path) == []


def test_a_killed_run_leaves_no_lock(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from psfr_tf.output_lock import only_run_in\n"
        "with only_run_in(Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(30)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        with pytest.raises(UserError), only_run_in(tmp_path):
            pass
        process.kill()
        process.wait()
    with only_run_in(tmp_path):
        pass


def test_commands_hold_it(tmp_path, capsys):
    from PIL import Image

    from psfr_tf.data.toy_faces import draw_face

    faces, out = tmp_path / "faces", tmp_path / "out"
    faces.mkdir()
    out.mkdir()
    Image.fromarray(draw_face(0, 64)[0]).save(faces / "a.png")
    commands = (
        ["prepare", "folder", faces],
        ["degrade", faces, "--seed", 0, "--size", 64],
        ["evaluate", "--restored", faces, "--reference", faces, "--metrics", "psnr"],
    )
    for command in commands:
        arguments = main.parse_arguments(["psfr", *map(str, [*command, "--output", out])])
        with only_run_in(out):
            assert main.run(arguments) == 1
        error = capsys.readouterr().err
        assert error == (
            f"psfr: error: {out}: another psfr command is writing to this folder; wait until it "
            "has finished, or choose another --output\n"
        )
