"""The folder of a command's results: made, kept apart from the inputs, and the names in it."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from psfr_tf.errors import UserError, cause


def make_folder(path: Path) -> Path:
    """Create a folder for results and check that files can be made in it.

    What a killed run has left there is removed.

    Raises:
        UserError: it cannot be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UserError(f"{path}: cannot write to the output folder ({cause(error)})") from None
    from psfr_tf.files import remove_leftovers

    remove_leftovers(path)
    return path


def drop_report(output: Path) -> None:
    """Remove the report of an earlier run, before this one changes what it tells of."""
    (output / "report.json").unlink(missing_ok=True)


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
