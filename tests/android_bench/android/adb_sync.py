"""The file service of the emulated adb daemon: stat, push, pull."""

import os
import stat
import struct
from pathlib import Path


def serve_sync(device, stream) -> None:
    """Answer requests until QUIT. `device` has `root` and `capacity_bytes`."""
    while True:
        request, length = struct.unpack("<4sI", stream.read(8))
        if request == b"QUIT":
            return
        path = stream.read(length).decode()
        if request == b"STAT":
            status = _stat(device, path)
            stream.write(b"STAT" + struct.pack("<III", *_short(status)))
        elif request in (b"STA2", b"LST2"):
            stream.write(request + _long(_stat(device, path)))
        elif request == b"SEND":
            _receive_file(device, stream, path)
        elif request == b"RECV":
            _send_file(device, stream, path)
        else:
            _fail(stream, f"unknown command {request!r}")
            return


def local_path(device, path: str) -> Path:
    """Where a file of the phone lies on this machine."""
    return device.root / path.lstrip("/")


def _stat(device, path: str) -> os.stat_result | None:
    try:
        return local_path(device, path).stat()
    except OSError:
        return None


def _short(status: os.stat_result | None) -> tuple[int, int, int]:
    return (status.st_mode, status.st_size, int(status.st_mtime)) if status else (0, 0, 0)


def _long(status: os.stat_result | None) -> bytes:
    if status is None:
        return struct.pack("<IQQIIIIQqqq", 2, *[0] * 10)  # 2: no such file
    mode, size, time = _short(status)
    return struct.pack("<IQQIIIIQqqq", 0, 1, status.st_ino, mode, 1, 0, 0, size, time, time, time)


def _receive_file(device, stream, argument: str) -> None:
    path, _, mode = argument.rpartition(",")
    target = local_path(device, path)
    content, full = bytearray(), False
    while True:
        kind, length = struct.unpack("<4sI", stream.read(8))
        if kind == b"DONE":
            break
        content += stream.read(length)
        full = full or _used(device) + len(content) > device.capacity_bytes
        if full:
            content.clear()
    if full:
        _fail(stream, "write failed: No space left on device")
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        _fail(stream, f"couldn't create file: {error.strerror}")
        return
    target.chmod(stat.S_IMODE(int(mode)))
    stream.write(b"OKAY" + struct.pack("<I", 0))


def _used(device) -> int:
    tmp = local_path(device, "/data/local/tmp")
    return sum(path.stat().st_size for path in tmp.rglob("*") if path.is_file())


def _send_file(device, stream, path: str) -> None:
    try:
        content = local_path(device, path).read_bytes()
    except OSError as error:
        _fail(stream, f"open failed: {error.strerror}")
        return
    for start in range(0, len(content), 1 << 16):
        chunk = content[start : start + (1 << 16)]
        stream.write(b"DATA" + struct.pack("<I", len(chunk)) + chunk)
    stream.write(b"DONE" + struct.pack("<I", 0))


def _fail(stream, message: str) -> None:
    stream.write(b"FAIL" + struct.pack("<I", len(message)) + message.encode())
