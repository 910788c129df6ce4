"""What a file is that pretends to be another: saved web pages and Git LFS pointers."""

import os

from psfr_tf.files import check_regular


def disguise(head: bytes) -> str:
    """What the first bytes of a file say, for one line; nothing if they look like data.

    Args:
        head: 64 bytes or more.
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself; `git lfs pull` fetches that"
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--", b"<script")):
        return "a web page, not the file itself; download it again"
    if text.startswith((b'{"', b"{'", b"[{")):
        return "JSON text (an error message of a server?), not the file itself; download it again"
    return ""


def disguise_of(path: str | os.PathLike) -> str:
    """`disguise` of the file at `path`; nothing if it cannot be read."""
    try:
        check_regular(path)
        with open(path, "rb") as file:
            return disguise(file.read(256))
    except OSError:
        return ""
