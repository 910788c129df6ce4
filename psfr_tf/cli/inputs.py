"""What the commands share: finding pictures, naming the results, the report."""

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from psfr_tf.errors import UserError

_NAMES_SHOWN = 8


def find_photos(inputs: Iterable[str | os.PathLike]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Photos named on the command line.

    A file is taken whatever its name. A folder stands for the pictures directly inside it
    (known suffixes, hidden files left out), sorted by name; its subfolders are not searched.
    `say_skipped` names the rest. A file named twice is taken once.

    Returns:
        The photos, and (folder, error line) for each folder that cannot be listed or holds no
        picture.
    """
    from psfr_tf.picture_file import SUFFIXES

    photos: dict[str, Path] = {}
    problems = []
    for item in map(Path, inputs):
        # Path.is_dir raises where the path cannot be followed; reading the photo says it better.
        if not os.path.isdir(item):
            photos.setdefault(os.path.realpath(item), item)
            continue
        try:
            entries = sorted(item.iterdir())
        except OSError as error:
            problems.append((item, f"{item}: {(error.strerror or str(error)).lower()}"))
            continue
        inside = [
            entry
            for entry in entries
            if entry.suffix.lower() in SUFFIXES
            and not entry.name.startswith(".")
            and not os.path.isdir(entry)
        ]
        if not inside:
            problems.append((item, f"{item}: no pictures in this folder"))
        for entry in inside:
            photos.setdefault(os.path.realpath(entry), entry)
    return list(photos.values()), problems


def say_skipped(folder: Path, taken: Iterable[str] | None = None) -> list[str]:
    """Name what a folder holds beside pictures, in one line on stderr with the number.

    Hidden files are not counted.

    Args:
        taken: endings of the names of what is used; None for all pictures.

    Returns:
        The names of the files and, with a slash, of the subfolders.
    """
    from psfr_tf.picture_file import SUFFIXES

    known = SUFFIXES if taken is None else frozenset(taken)
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:  # whoever reads the folder says it better
        return []
    subfolders = [f"{entry.name}/" for entry in entries if os.path.isdir(entry)]
    files = [
        entry.name
        for entry in entries
        if entry.suffix.lower() not in known and not os.path.isdir(entry)
    ]
    parts = []
    if files:
        what = f"no picture{'s'[: len(files) != 1]}"
        if taken is not None:
            what = f"only {', '.join(sorted(taken))} are read here"
        parts.append(f"skipped {len(files)} file{'s'[: len(files) != 1]}, {what}: {_few(files)}")
    if subfolders:
        parts.append(
            f"{len(subfolders)} subfolder{'s'[: len(subfolders) != 1]} not searched: "
            f"{_few(subfolders)}"
        )
    if parts:
        note(f"{folder}: {'; '.join(parts)}")
    return files + subfolders


def note(line: str) -> None:
    """One line on stderr, above a progress bar."""
    from tqdm import tqdm

    tqdm.write(f"psfr: note: {line}", file=sys.stderr)


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"


def output_names(photos: list[Path], folder: Path | None = None, room: int = 4) -> list[str]:
    """A different name, without suffix, for each photo's results.

    The name is the photo's own; where another photo has taken it (a.jpg and a.png, or two
    folders), the suffix is added (a_png), then a number (a_png_2). Case is ignored, as many
    file systems do. A name that the file system would not take is cut.

    Args:
        folder: where the results go; its file system limits the length.
        room: bytes of the longest ending that a result will have.
    """
    longest = _longest_name(folder) - room
    taken: set[str] = set()
    names = []
    for photo in photos:
        suffix, number = "", 1
        name = _cut(photo.stem, longest)
        while name.casefold() in taken:
            if photo.suffix:
                suffix = f"_{photo.suffix[1:13]}"
            ending = suffix if number == 1 else f"{suffix}_{number}"
            name = _cut(photo.stem, longest - len(os.fsencode(ending))) + ending
            number += 1
        taken.add(name.casefold())
        names.append(name)
    return names


def _longest_name(folder: Path | None) -> int:
    """Bytes that a file name may have."""
    try:
        return os.pathconf(folder or ".", "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return 255


def _cut(name: str, length: int) -> str:
    """The beginning of a name, of at most `length` bytes, whole characters."""
    while name and len(os.fsencode(name)) > length:
        name = name[:-1]
    return name


def make_folder(path: Path) -> Path:
    """Create a folder for results and check that files can be made in it.

    What a killed run has left there is removed.

    Raises:
        UserError: it cannot be created or written to.
    """
    import tempfile

    from psfr_tf.files import remove_leftovers

    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UserError(
            f"{path}: cannot write to the output folder ({(error.strerror or str(error)).lower()})"
        ) from None
    remove_leftovers(path)
    return path


def keep_apart(output: Path, inputs: Iterable[Path], replaced: str) -> None:
    """Check that results in the folder `output` replace no input.

    Args:
        output: folder of the results.
        inputs: folders of the inputs.
        replaced: what would be replaced by what, such as "the maps would replace the faces".

    Raises:
        UserError: the results would lie beside inputs.
    """
    if output.resolve() in {folder.resolve() for folder in inputs}:
        raise UserError(f"{output}: {replaced}; choose another --output")


def drop_report(output: Path) -> None:
    """Remove the report of an earlier run, before this one changes what it tells of."""
    (output / "report.json").unlink(missing_ok=True)


def write_report(output: Path, command: str, **entries: Any) -> None:
    """Write `output/report.json`: the command, the version of psfr_tf, and `entries`.

    Raises:
        UserError: it cannot be written.
    """
    import psfr_tf
    from psfr_tf.files import write_json

    path = output / "report.json"
    try:
        write_json(path, {"command": command, "version": psfr_tf.__version__, **entries})
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None


def named(text: str) -> str:
    """argparse type: a path or name that is not empty, as an unset shell variable is."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def share(text: str) -> float:
    """argparse type: a number in 0..1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number in 0..1")
    return value


def add_fidelity(parser: argparse.ArgumentParser) -> None:
    """The operating point, see `psfr_tf.model_folder`."""
    parser.add_argument(
        "--fidelity",
        type=share,
        metavar="0..1",
        help="0: most detail, 1: nearest to the true pixels; for models with two operating points "
        "(default: the model's own)",
    )


def whole(low: int, high: int):
    """argparse type: an integer in low..high."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer in {low}..{high}")
        return value

    return parse
