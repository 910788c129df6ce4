"""`requirements-runtime.txt` is enough to restore, parse and benchmark: no TensorFlow, no Keras.

The environment is made of links to the installed packages that the file names and their
dependencies, so that nothing is downloaded.
"""

import os
import re
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements-runtime.txt"


def _requirements():
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _name(requirement):
    return re.match(r"[\w.-]+", requirement)[0]


def _link(name, target, done):
    """Link a distribution and what it needs into a folder of packages."""
    if name.lower() in done:
        return
    done.add(name.lower())
    try:
        found = distribution(name)
    except PackageNotFoundError:  # of another Python or system
        return
    for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", ".")}:
        source = Path(found.locate_file(top))
        if source.name != "__pycache__" and not (target / top).exists():
            (target / top).symlink_to(source)
    for needed in found.requires or ():
        if "extra ==" not in needed:
            _link(_name(needed), target, done)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runtime")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    done = set()
    for requirement in _requirements():
        _link(_name(requirement), packages, done)
    assert not (packages / "tensorflow").exists() and not (packages / "keras").exists()
    (packages / "psfr_tf.pth").write_text(str(ROOT))
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def psfr(python, tmp_path_factory):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(*arguments):
        command = [python, "-m", "psfr_tf.cli.main", *map(str, arguments)]
        return subprocess.run(
            command, env=environment, cwd=ROOT.parent, capture_output=True, text=True, check=False
        )

    return run


def test_same_ranges_as_the_whole_installation():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f'"{requirement}"' in text for requirement in _requirements())


def test_restore_parse_and_benchmark(psfr, tmp_path):
    Image.fromarray(data.astronaut()).save(tmp_path / "photo.png")
    for options in ((), ("--fidelity", "0.7")):
        done = psfr("restore", tmp_path / "photo.png", "-o", tmp_path / "out", *options)
        assert done.returncode == 0 and "1 restored (1 face)" in done.stdout, done.stderr
        assert not done.stderr
    done = psfr("parse", tmp_path / "out" / "missing", "--output", tmp_path / "maps")
    assert done.returncode == 1 and "no such folder" in done.stderr
    (tmp_path / "faces").mkdir()
    Image.fromarray(data.astronaut()[:220, 120:340]).save(tmp_path / "faces" / "face.png")
    done = psfr("parse", tmp_path / "faces", "--output", tmp_path / "maps")
    assert done.returncode == 0 and "1 parsed" in done.stdout, done.stderr
    file = ROOT / "psfr_tf/weights/psfr-mobile-256/restorer_int8-dynamic.tflite"
    options = ("--threads", "1", "--delegates", "xnnpack", "--output", tmp_path / "bench")
    done = psfr("benchmark", "local", "--model", file, *options)
    # On a busy machine the row is measured, but not valid.
    assert "1 rows" in done.stdout and "error" not in done.stderr
    assert (tmp_path / "bench" / "report.html").is_file()


def test_what_needs_tensorflow_says_so(psfr, tmp_path):
    Image.fromarray(data.astronaut()).save(tmp_path / "photo.png")
    options = ("-o", tmp_path / "out", "--engine", "tensorflow")
    for command in (
        ("restore", tmp_path / "photo.png", *options),
        ("train", "--config", ROOT / "configs" / "test_64.yaml", "--output", tmp_path / "run"),
    ):
        done = psfr(*command)
        assert done.returncode == 1
        assert re.fullmatch(r"psfr: error: .*TensorFlow.*\n", done.stderr), done.stderr


def test_importing_the_package_needs_nothing(python):
    code = "import psfr_tf, sys; psfr_tf.FaceRestorer; print('tensorflow' in sys.modules)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n" and sys.prefix
