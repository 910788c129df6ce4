"""Check layers and types of the package as it is installed: export/ and android_bench/ in psfr_tf.

    python tools/lint_package.py [layers] [types]

import-linter and mypy look for modules in the folder of psfr_tf only, so they are given a copy that
holds the two as setup.py maps them. Contracts and options are in pyproject.toml.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from importlinter.cli import lint_imports
from mypy import api as mypy

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "pyproject.toml"
PACKAGES = {"psfr_tf": "", "export": "export", "android_bench": "android_bench"}


def main(checks: list[str]) -> int:
    others = shutil.ignore_patterns("weights", "__pycache__")
    with tempfile.TemporaryDirectory() as folder:
        for source, place in PACKAGES.items():
            shutil.copytree(ROOT / source, Path(folder, "psfr_tf", place), ignore=others)
        os.chdir(folder)  # They look there first.
        broken = 0
        if "layers" in checks:
            broken |= lint_imports(str(CONFIG), no_cache=True, no_logo=True)
        if "types" in checks:
            options = ["--config-file", str(CONFIG), "--cache-dir", str(ROOT / ".mypy_cache")]
            report, problem, status = mypy.run(options)
            print(report, problem, end="")
            broken |= status
        return broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["layers", "types"]))
