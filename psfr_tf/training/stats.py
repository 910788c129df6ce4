"""`stats.jsonl`, one line of JSON for each epoch of a run."""

import json
from pathlib import Path
from typing import Any


def read_stats(path: Path) -> list[dict[str, Any]]:
    """The records of a run, oldest first; none where there is no file.

    A last line that was cut off when the run was killed is left out.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]
