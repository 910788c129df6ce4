"""Atomic writes: a reader never sees half a file, and a failed write leaves the old one."""

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import stat
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# zlib's level for PNG: a third of the time of its default for files that are 4 % larger.
PNG_EFFORT = 1
_LONGEST_SUFFIX = 12
# Host, process and a random number: so that what a killed process has left can be told.
_TEMPORARY = re.compile(r"\.partial-(?:([0-9a-f]{8})-(\d{1,10})-)?[0-9a-f]{8}(?:\..{1,12})?")
_DAY = 86400.0  # seconds
_own: set[str] = set()  # temporary names of this process that are in use


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` if the block succeeds.

    The temporary file has the same suffix, so that writers which choose a format by it work; of
    `.weights.h5`, which Keras wants, both parts.
    It is removed if the block raises. The folder must exist.
    """
    path = Path(path)
    # The name is known before the file is made: whenever a signal arrives, it is removed.
    temporary = path.with_name(_temporary_name(_format_suffix(path.name)))
    try:
        # Made as any new file is, with the permissions that the user's umask leaves.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        # A full disk names no file, and nobody knows the temporary one.
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        _own.discard(temporary.name)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; rename it to `path` if the block succeeds.

    It is removed if the block raises. The parent folder must exist.

    Raises:
        OSError: there is something at `path` (an empty folder is replaced).
    """
    path = Path(path)
    with temporary_folder(path.parent) as temporary:
        yield temporary
        os.rename(temporary, path)


@contextlib.contextmanager
def temporary_folder(parent: str | os.PathLike) -> Iterator[Path]:
    """Yield a folder in `parent` that is removed after the block, or by the next run there."""
    temporary = Path(parent, _temporary_name())
    try:
        temporary.mkdir()
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _own.discard(temporary.name)


def remove_leftovers(folder: str | os.PathLike[str], depth: int = 2) -> None:
    """Remove the temporary files and folders that a killed process has left in a folder and in its
    subfolders.

    Those of a process that is alive are kept; those of another computer, or of which nothing is
    known, for a day. What cannot be looked at or removed is left as it is.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_symlink():
                    continue
                found = _TEMPORARY.fullmatch(entry.name)
                if found is None and depth and entry.is_dir():
                    remove_leftovers(entry.path, depth - 1)
                elif found and _is_left(entry, *found.groups()):
                    (shutil.rmtree if entry.is_dir() else os.unlink)(entry.path)


def _temporary_name(suffix: str = "") -> str:
    name = f".partial-{_host()}-{os.getpid()}-{secrets.token_hex(4)}{suffix}"
    _own.add(name)
    return name


def _host() -> str:
    return f"{zlib.crc32(os.fsencode(socket.gethostname())):08x}"


def _is_left(entry: os.DirEntry, host: str | None, process: str | None) -> bool:
    if process is None or host != _host() or os.name == "nt":  # where kill(0) would end the process
        return time.time() - entry.stat().st_mtime > _DAY
    if int(process) == os.getpid():  # a number is given again, in containers often the same
        return entry.name not in _own
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    return False  # a process of another user, too, is alive


def _format_suffix(name: str) -> str:
    """The end of a file name that says its format; what follows a dot in a title is none."""
    if name.endswith(".weights.h5"):
        return ".weights.h5"
    suffix = os.path.splitext(name)[1]
    return suffix if len(suffix) <= _LONGEST_SUFFIX and suffix.isascii() else ""


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/psfr_tf`, else `~/.cache/psfr_tf`."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path(os.path.expanduser("~")) / ".cache") / "psfr_tf"


def read_bounded(path: str | os.PathLike, most: int) -> bytes:
    """The contents of a file that may be from elsewhere.

    Args:
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read, has more, or is a device or pipe, which may have no end. Pipes
            that a shell makes for a command line (`<(...)`) are read.
    """
    check_regular(path)
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        content = file.read(most + 1) if size <= most else b""
    if max(size, len(content)) > most:
        raise OSError(errno.EFBIG, f"the file has more than {most:,} bytes", os.fspath(path))
    return content


def check_regular(path: str | os.PathLike) -> None:
    """Raise OSError if `path` is not there, or a device or pipe."""
    mode = os.stat(path).st_mode
    from_shell = os.fspath(path).startswith(("/dev/fd/", "/proc/self/fd/"))
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode) and not from_shell:
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write UTF-8 text atomically.

    What is no text (bytes of a file name that are not UTF-8, which Python holds as lone
    surrogates) is written as an escape, which JSON reads back.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_png(path: str | os.PathLike, pixels: np.ndarray) -> None:
    """Write a uint8 array [H, W] or [H, W, C] as PNG, atomically.

    Channels: 2 gray and alpha, 3 RGB, 4 RGBA.
    """
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", compress_level=PNG_EFFORT)


def sha256(path: str | os.PathLike) -> str:
    """Of a file's contents, hexadecimal."""
    digest = hashlib.sha256()  # hashlib.file_digest is of Python 3.11
    with open(path, "rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def is_plain_name(name: str) -> bool:
    """Whether a name from a file can only mean a file in the folder it is put to: no path, nothing
    hidden, no control characters, and no longer than file systems allow with a suffix."""
    return (
        bool(name)
        and not name.startswith(".")
        and name.isprintable()
        and not set(name) & set("/\\")
        and len(name.encode("utf-8", "surrogateescape")) <= 240
    )
