"""Fixtures for data that is not part of the repository; tests that need it skip without it."""

import os
from pathlib import Path

import pytest

# Before TensorFlow is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SHARED = Path(__file__).parents[1] / ".." / "shared"


def _folder(variable: str, name: str) -> Path:
    path = Path(os.environ.get(variable, SHARED / name)).resolve()
    if not path.is_dir():
        pytest.skip(f"{path} is not there; set {variable} to the folder")
    return path


@pytest.fixture(scope="session")
def reference() -> Path:
    """Numbers computed with the authors' PyTorch networks."""
    return _folder("PSFR_REFERENCE", "reference")


@pytest.fixture(scope="session")
def faces_dir() -> Path:
    """Aligned faces: images/, masks/, manifest.csv."""
    return _folder("PSFR_FACES", "faces")


@pytest.fixture(scope="session")
def photos_dir() -> Path:
    """Whole photos with faces."""
    return _folder("PSFR_PHOTOS", "photos")
