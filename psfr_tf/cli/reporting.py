"""What a command says: lines on stderr, the exit code, and `report.json`."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from psfr_tf.errors import cause, writing

_NAMES_SHOWN = 8


def say(line: str) -> None:
    """One line on stderr, above a progress bar."""
    text = f"psfr: {line}"
    if "tqdm" in sys.modules:  # there may be a bar
        sys.modules["tqdm"].tqdm.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr)


def note(line: str) -> None:
    say(f"note: {line}")


def fault(line: object) -> None:
    """What went wrong, in one line."""
    say(f"error: {line}")


def interrupted() -> int:
    """Say how to continue a command that was interrupted; returns the exit code."""
    say("interrupted; run the same command again to continue")
    return 1


def os_fault(error: OSError, where: object = "output") -> str:
    """An error of the system in one line: the file that it names, and why."""
    # filename2: of a rename
    return f"{error.filename2 or error.filename or where}: {cause(error)}"


def say_skipped(
    folder: Path, taken: Iterable[str] | None = None, subfolders: bool = True
) -> list[str]:
    """Name what a folder holds beside pictures, in one line on stderr with the number.

    Hidden files are not counted.

    Args:
        taken: endings of the names of what is used; None for all pictures.
        subfolders: these are not searched, so they are named too.

    Returns:
        The names of the files and, with a slash, of the subfolders.
    """
    from psfr_tf.picture_file import SUFFIXES

    known = SUFFIXES if taken is None else frozenset(taken)
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:  # whoever reads the folder says it better
        return []
    folders = [f"{entry.name}/" for entry in entries if subfolders and os.path.isdir(entry)]
    files = [
        entry.name
        for entry in entries
        if entry.suffix.lower() not in known and not os.path.isdir(entry)
    ]
    parts = []
    if files:
        what = "not a picture" if len(files) == 1 else "not pictures"
        if taken is not None:
            what = f"only {', '.join(sorted(taken))} are read here"
        parts.append(f"skipped {_number(files, 'file')}, {what}: {_few(files)}")
    if folders:
        parts.append(f"{_number(folders, 'subfolder')} not searched: {_few(folders)}")
    if parts:
        note(f"{folder}: {'; '.join(parts)}")
    return files + folders


def _number(names: list[str], what: str) -> str:
    return f"{len(names)} {what}{'s'[: len(names) != 1]}"


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"


def write_report(output: Path, command: str, **entries: Any) -> None:
    """Write `output/report.json`: the command, the version of psfr_tf, and `entries`.

    Raises:
        UserError: it cannot be written.
    """
    import psfr_tf
    from psfr_tf.files import write_json

    path = output / "report.json"
    with writing(path):
        write_json(path, {"command": command, "version": psfr_tf.__version__, **entries})
