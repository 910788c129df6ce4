"""The shell of the emulated phone: the shell of this machine, with the phone's files and tools.

Absolute paths of the phone become paths below its root. `benchmark_model` is a program for ARM
that this machine's kernel cannot start; `phone.py` puts a starter in its place.
"""

import os
import re
import struct
import subprocess
import threading

STDOUT, STDERR, EXIT = 1, 2, 3
# What a program on the phone prints to make the cable fall out.
PULL_CABLE = b"<<pull the cable>>"

_PATH = re.compile(r"(?<![\w./-])/(data|sys|proc|system)(?![\w-])")
_PROGRAM = re.compile(r"(\S+/benchmark_model)(?= --)")


def run_shell(device, command: str, stream) -> None:
    """Run `command` and send its output and exit code in frames of the shell protocol, version 2.

    Like on a phone, the command goes on when the computer hangs up.
    """
    root = str(device.root)
    local = _PROGRAM.sub(r"start_program \1", _PATH.sub(rf"{root}/\1", command))
    process = subprocess.Popen(
        ["/bin/sh", "-c", local],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PATH": f"{root}/system/bin:/usr/bin:/bin", "PHONE": root},
    )
    lock = threading.Lock()
    errors = threading.Thread(
        target=_pump, args=(device, process.stderr, STDERR, stream, lock), daemon=True
    )
    errors.start()
    _pump(device, process.stdout, STDOUT, stream, lock)
    errors.join()
    stream.write(struct.pack("<BI", EXIT, 1) + bytes([process.wait() % 256]))


def _pump(device, source, kind: int, stream, lock) -> None:
    connected = True
    while data := source.read1():
        if PULL_CABLE in data:
            device.unplug()
        data = data.replace(str(device.root).encode(), b"")
        if connected:
            try:
                with lock:
                    stream.write(struct.pack("<BI", kind, len(data)) + data)
            except OSError:
                connected = False
