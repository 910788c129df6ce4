"""Starts a program of the emulated phone as a phone's kernel would: PROGRAM [ARGUMENT ...].

Behind the ELF header lies Python source, see `phone.make_benchmark_model`; that runs.
"""

import os
import sys


def refuse(code: int, reason: str) -> None:
    print(f"/system/bin/sh: {sys.argv[1]}: {reason}", file=sys.stderr)
    sys.exit(code)


try:
    with open(sys.argv[1], "rb") as file:
        content = file.read()
except OSError:
    refuse(127, "inaccessible or not found")
if not os.access(sys.argv[1], os.X_OK):
    refuse(126, "can't execute: Permission denied")
if content[:5] != b"\x7fELF\x02" or content[18] != 183:
    refuse(126, "not executable: ELF file")
del sys.argv[0]
exec(compile(content[64:], "recorded_benchmark_model.py", "exec"))
