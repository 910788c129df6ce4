"""Compare what a phone wrote with the samples of an export.

    python -m psfr_tf.export.check_output FILE [--samples DIR] [--precision P]

FILE is what a restorer file made of sample_lq.bin on the phone: float32 [1, S, S, 3], little endian
(`benchmark_model` writes it with `--output_filepath`), or uint8 of that shape. The folder of the
samples is that of FILE unless it is given, and the precision is the one that FILE's name holds.
Exit code 0: near enough; 1: not; 2: bad usage.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError, cause, printable
from psfr_tf.export.golden import DTYPE, SAMPLES_FILE, compare, likely_mistake
from psfr_tf.files import read_bounded
from psfr_tf.pictures import normalize

MAX_BYTES = 2**30


def check(file: Path, samples: Path, precision: str | None = None) -> tuple[bool, str]:
    """Whether an output is near enough, and a line that says how near.

    Raises:
        UserError: a file cannot be read, has another size, or its precision is not known.
    """
    shape, restored = _about(samples / SAMPLES_FILE)
    if precision is None:
        named = [name for name in restored if name in file.name]
        precision = max(named, key=len, default=None)
    if precision not in restored:
        raise UserError(f"{file}: of which file? use --precision with one of {', '.join(restored)}")
    golden, limit = restored[precision]
    expected = _read(samples / golden, shape)
    made = _read(file, shape)
    psnr_db = compare(made, expected)
    line = f"{file}: {psnr_db:.1f} dB from {golden}, at least {limit:g} needed"
    if psnr_db >= limit:
        return True, line
    mistake = likely_mistake(made, expected, limit)
    return False, line + (f"; {mistake}" if mistake else "")


def _about(path: Path) -> tuple[tuple[int, ...], dict[str, tuple[str, float]]]:
    """What `golden.write_samples` wrote: the shape, and by precision the file and its limit."""
    try:
        about = json.loads(read_bounded(path, MAX_BYTES))
        size = about["shape"][1]
        if not isinstance(size, int) or size < 1 or about["shape"] != [1, size, size, 3]:
            raise ValueError
        restored = {
            precision: (str(each["file"]), float(each["min_psnr_db"]))
            for precision, each in about["restored"].items()
        }
    except OSError as error:
        raise UserError(f"{path}: {cause(error)}; use --samples DIR") from None
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        raise UserError(f"{path}: not written by psfr export") from None
    return (1, size, size, 3), restored


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        content = read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise UserError(f"{path}: {cause(error)}") from None
    count = math.prod(shape)
    if len(content) == count:
        return normalize(np.frombuffer(content, np.uint8).reshape(shape))
    if len(content) != 4 * count:
        raise UserError(
            f"{path}: {len(content)} bytes; float32 {list(shape)} has {4 * count}, uint8 {count}"
        )
    return np.frombuffer(content, DTYPE).reshape(shape)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m psfr_tf.export.check_output",
        description="Compare what a phone wrote with the samples of an export.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="float32 or uint8 values, raw")
    parser.add_argument("--samples", type=Path, metavar="DIR", help="folder that psfr export wrote")
    parser.add_argument("--precision", metavar="P", help="of the file that ran")
    args = parser.parse_args(argv)
    try:
        near, line = check(args.file, args.samples or args.file.parent, args.precision)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(printable(line))
    return 0 if near else 1


if __name__ == "__main__":
    sys.exit(main())
