"""The `benchmark_model` program file: made for the phone, and the one that was meant."""

import hashlib
import struct
from pathlib import Path

from psfr_tf.errors import UserError, cause

WHERE = "see docs/benchmarks_android.md for where to get it"

# (bits, e_machine) of the ELF header.
_ABIS = {
    (64, 183): "arm64-v8a",
    (32, 40): "armeabi-v7a",
    (64, 62): "x86_64",
    (32, 3): "x86",
    (64, 243): "riscv64",
}


def read_abi(path: Path) -> str:
    """Android's name of the machine that a program file is for, from its ELF header.

    Raises:
        UserError: it is not there, or not a program for Linux or Android.
    """
    try:
        with path.open("rb") as file:
            header = file.read(20)
    except OSError as error:
        raise UserError(f"{path}: {cause(error)}; {WHERE}") from None
    if len(header) < 20 or header[:4] != b"\x7fELF" or header[4] not in (1, 2):
        raise UserError(f"{path}: not a program for Android (no ELF header); {WHERE}")
    (machine,) = struct.unpack("<H" if header[5] == 1 else ">H", header[18:20])
    bits = 32 * header[4]
    return _ABIS.get((bits, machine), f"machine {machine}, {bits} bits")


def check_program(path: Path, abis: list[str], sha256: str | None) -> str:
    """Check that a program file runs on the phone and is the expected one.

    Args:
        abis: what the phone runs, best first.
        sha256: of the expected file, hexadecimal; None accepts any.

    Returns:
        Its SHA-256.

    Raises:
        UserError: it is not.
    """
    abi = read_abi(path)
    if abi not in abis:
        raise UserError(
            f"{path}: is for {abi}, the phone runs {', '.join(abis)}: take the benchmark_model for "
            f"{abis[0]}; {WHERE}"
        )
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 is not None and actual != sha256.lower():
        raise UserError(
            f"{path}: its SHA-256 is {actual}, not that of --benchmark-model-sha256: another "
            "version, or damaged"
        )
    return actual
