"""`make lint` fails when a layer is broken, also in the folders that setup.py maps."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

for module in ("importlinter", "mypy"):
    pytest.importorskip(module, reason="pip install '.[dev]'")

BROKEN = {
    "export/broken.py": "import psfr_tf.android_bench.plan",
    "android_bench/android/broken.py": "from psfr_tf.export import variants",
    "export/serving/broken.py": "def late():\n    from psfr_tf.cli import main",
    "psfr_tf/restorer_broken.py": "",  # a module that no layer has
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("psfr_tf", "export", "android_bench", "tools"):
        others = shutil.ignore_patterns("weights", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=others)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(checkout):
    command = [sys.executable, "tools/lint_package.py", "layers"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True)


def test_the_project_keeps_its_layers(checkout):
    result = lint(checkout)
    assert result.returncode == 0 and " 0 broken" in result.stdout, result.stdout


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_layer_fails(checkout, name):
    (checkout / name).write_text(BROKEN[name] + "\n")
    try:
        result = lint(checkout)
    finally:
        (checkout / name).unlink()
    assert result.returncode == 1
    assert Path(name).stem in result.stdout
