"""`stats.jsonl`, one line of JSON for each epoch of a run."""

import contextlib
import json
from pathlib import Path
from typing import Any


def read_stats(path: Path) -> list[dict[str, Any]]:
    """The records of a run, in the order of their steps; none where there is no file.

    A line that was cut off when the run was killed, or that is no record, is left out; of two of
    one step the later counts.
    """
    records = {}
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for line in text.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            record = json.loads(line)
            records[int(record["step"])] = record
    return [records[step] for step in sorted(records)]
