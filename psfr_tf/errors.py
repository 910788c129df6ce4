"""The one exception whose message is meant for the person at the keyboard."""

import contextlib
import re
from collections.abc import Iterator

# Longer than any message of ours: what a file or a phone adds to it is cut.
MAX_MESSAGE = 2000
_ASSERTION = "assertion failed: "


class UserError(Exception):
    """Bad input: one line that names the file or option and says what to do.

    The command line prints it as `psfr: error: MESSAGE` and exits with 1. Part of the message may
    come from a file or a phone, so control characters are escaped: they would move the cursor,
    color the terminal, or look like a line of ours.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message), MAX_MESSAGE))


def cause(error: Exception) -> str:
    """What went wrong, without names of files, functions and operations, for one line of ours.

    The system's words ("no space left on device"), or the first line of TensorFlow's or another
    message.
    """
    if strerror := getattr(error, "strerror", None):
        # "No space left on device", but "INTERNAL: ..." of a server.
        return strerror[0].lower() + strerror[1:] if strerror[1:2].islower() else strerror
    text = str(getattr(error, "message", error)).strip()
    if _ASSERTION in text:  # TensorFlow's: [words] [a value]
        text = re.sub(r"[][]", "", text.split(_ASSERTION)[-1])
    line = text.split("\n")[0].split(" [Op:")[0].split("}} ")[-1].strip()
    return line[:300] or type(error).__name__


@contextlib.contextmanager
def writing(where: object) -> Iterator[None]:
    """Turn an error of the system in the block into one line.

    Args:
        where: what is written, if the error names no file.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or where  # the first: of a rename
        raise UserError(f"{place}: cannot write ({cause(error)})") from error


def printable(text: str, limit: int | None = None) -> str:
    """One line that a terminal shows as it is: control characters as escapes, at most `limit`
    characters."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 4] + " ..."
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or "\udc80" <= c <= "\udcff" else c.encode("unicode_escape").decode()
        for c in text
    )
