"""Foreign and broken input: the files of ../shared/cases/hostile, and what the tests make."""

import os
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / ".." / "shared" / "cases" / "hostile"


@pytest.fixture(scope="session")
def hostile() -> Path:
    """The folder of hostile files; a README there says what is expected."""
    path = Path(os.environ.get("PSFR_HOSTILE", CASES)).resolve()
    if not path.is_dir():
        pytest.skip(f"{path} is not there; set PSFR_HOSTILE to the folder")
    return path
