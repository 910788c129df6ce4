"""What the documentation says of the repository is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_tests_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    for file, name in re.findall(r"\b(tests/[\w/]+\.py)(?:(?:::| -k )(\w+))?", text):
        assert (ROOT / file).is_file(), file
        assert name in (ROOT / file).read_text(encoding="utf-8"), f"{file}: {name}"
