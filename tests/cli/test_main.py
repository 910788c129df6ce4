import re
import subprocess
import sys
import time

import pytest

import psfr_tf
from psfr_tf.cli import main
from psfr_tf.errors import UserError


def psfr(*arguments):
    command = [sys.executable, "-m", "psfr_tf.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_help_lists_every_command_and_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from psfr_tf.cli import main\n"
        "try:\n    main.parse_arguments(['psfr', '--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "print('heavy:', [m for m in ('tensorflow', 'keras', 'cv2', 'torch') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "heavy: []" in result.stdout, result.stderr
    for name in main.COMMANDS:
        assert re.search(rf"^    {name}\s", result.stdout, re.MULTILINE)


@pytest.mark.slow
def test_help_answers_within_a_second():
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        assert psfr("--help").returncode == 0
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 1.0


@pytest.mark.parametrize("command", main.COMMANDS)
def test_help_of_a_command_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as end:
        main.parse_arguments(["psfr", command, "--help"])
    assert end.value.code == 0
    assert f"psfr {command}" in capsys.readouterr().out.partition("example:")[2]


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main.parse_arguments(["psfr", "--version"])
    assert end.value.code == 0
    assert psfr_tf.__version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["restore", "a.jpg", "--faces", "-1"],
        ["restore", "", "--output", "o"],
        ["restore", "a.jpg", "--output", "o", "--strength", "1.2"],
        ["restore", "a.jpg", "--output", "o", "--upscale", "0"],
        ["restore", "a.jpg", "--output", "o", "--min-score", "much"],
        ["restore", "a.jpg", "--output", "o", "--engine", "torch"],
        ["parse", "--output", "o"],
    ],
)
def test_bad_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main.parse_arguments(["psfr", *arguments])
    assert end.value.code == 2
    assert "usage: psfr" in capsys.readouterr().err


def _args(function):
    class Arguments:
        run = staticmethod(function)

    return Arguments()


def _raise(error):
    def function(args):
        raise error

    return function


def test_exit_codes(capsys):
    assert main.run(_args(lambda args: 0)) == 0
    assert main.run(_args(_raise(UserError("a.jpg: broken")))) == 1
    assert capsys.readouterr().err == "psfr: error: a.jpg: broken\n"
    renamed = IsADirectoryError(21, "Is a directory", ".partial-x", None, "out/table.md")
    assert main.run(_args(_raise(renamed))) == 1
    assert capsys.readouterr().err == "psfr: error: out/table.md: is a directory\n"
    assert main.run(_args(_raise(KeyboardInterrupt()))) == 1
    assert capsys.readouterr().err == "psfr: interrupted\n"


def test_the_process_exits_with_the_commands_code(tmp_path):
    result = psfr("parse", tmp_path / "none", "--output", tmp_path / "out")
    assert result.returncode == 1
    assert result.stderr == f"psfr: error: {tmp_path / 'none'}: no such folder\n"
    assert psfr("parse").returncode == 2


def test_tensorflow_starts_in_silence():
    code = (
        "from psfr_tf.cli.quiet import silence_tensorflow\n"
        "silence_tensorflow()\n"
        "import os, tensorflow as tf\n"
        "tf.constant(1) + 1\n"
        "os.write(2, b'stderr works')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0 and result.stderr == "stderr works"
