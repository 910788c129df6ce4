"""What can be wrong with one face of a data set."""

from __future__ import annotations

import os

from psfr_tf.errors import UserError, cause

# Kinds of faults, in the order in which reports list them.
MISSING_PICTURE = "missing picture"
MISSING_MASK = "missing mask"
CORRUPT_FILE = "corrupt file"
WRONG_SIZE = "wrong size"
UNKNOWN_COLOR = "unknown color"
UNKNOWN_LABEL = "unknown label"
SAME_NAME = "two of one name"
KINDS = (
    MISSING_PICTURE,
    MISSING_MASK,
    CORRUPT_FILE,
    WRONG_SIZE,
    UNKNOWN_COLOR,
    UNKNOWN_LABEL,
    SAME_NAME,
)


class FaceError(UserError):
    """One face cannot be used; the others can.

    Args:
        kind: one of `KINDS`.
        path: the file at fault.
        reason: what is wrong with it.
    """

    def __init__(self, kind: str, path: str | os.PathLike, reason: str):
        super().__init__(f"{path}: {reason}")
        self.kind = kind

    @classmethod
    def corrupt(cls, path: str | os.PathLike, error: Exception, what: str = "") -> FaceError:
        """From what a reader of the file says: "PATH: WHAT (REASON)", or "PATH: REASON"."""
        why = cause(error).removeprefix(f"{path}: ")
        return cls(CORRUPT_FILE, path, f"{what} ({why})" if what else why)
