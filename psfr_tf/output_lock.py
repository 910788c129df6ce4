"""One command at a time in an output folder."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from psfr_tf.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """Hold a lock on an existing folder, as long as the block runs.

    The system gives it back when the process ends, however that happens, and no file is left. On
    file systems without locks nothing is held.

    Raises:
        UserError: another command holds it.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                raise UserError(
                    f"{folder}: another psfr command is writing to this folder; wait until it has "
                    "finished, or choose another --output"
                ) from None
        yield
    finally:
        os.close(handle)
