"""Check the layers of the package as it is installed: export/ and android_bench/ lie in psfr_tf.

    python tools/lint_layers.py

import-linter looks for modules in the folder of psfr_tf only, so it is given a copy that holds the
two as setup.py maps them. The contracts are in pyproject.toml.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"psfr_tf": "", "export": "export", "android_bench": "android_bench"}


def main() -> int:
    others = shutil.ignore_patterns("weights", "__pycache__")
    with tempfile.TemporaryDirectory() as folder:
        for source, place in PACKAGES.items():
            shutil.copytree(ROOT / source, Path(folder, "psfr_tf", place), ignore=others)
        os.chdir(folder)  # It looks there first.
        return lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)


if __name__ == "__main__":
    sys.exit(main())
