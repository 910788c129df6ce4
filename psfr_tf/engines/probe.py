"""Open a LiteRT file from elsewhere in a process of its own first.

LiteRT trusts what it loads: a spoilt or made-up file can crash the process that opens it, take all
memory, or run for ever. So that it is another process, `check_file` starts one with limits; what
ends well there ends well here.

    python -m psfr_tf.engines.probe FILE [--run]
"""

import os
import signal
import subprocess
import sys

from psfr_tf.errors import UserError

TIME_LIMIT = 60.0  # seconds
MEMORY_LIMIT = 8 * 2**30  # bytes of addresses
_PREFIX = "probe: "


def check_file(path: str | os.PathLike, run: bool = True, seconds: float = TIME_LIMIT) -> None:
    """Whether a file can be opened, and run once.

    Args:
        run: allocate its tensors and run it on zeros, as well as read it.
        seconds: limit.

    Raises:
        UserError: it cannot; one line with the reason.
    """
    command = [sys.executable, "-m", __spec__.name, os.fspath(path), *["--run"][: bool(run)]]
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{path}: not a usable LiteRT file: no end after {seconds:.0f} s") from None
    judge(path, result.returncode, result.stderr.decode("utf-8", "replace"))


def judge(path: str | os.PathLike, code: int, errors: str) -> None:
    """Raise `UserError` if the process that opened a file ended with a code other than 0."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        raise UserError(f"{path}: not a usable LiteRT file: it crashes the runtime ({name})")
    if code:
        lines = errors.splitlines()
        reasons = [line for line in lines if line.startswith(_PREFIX)]
        reason = reasons[-1].removeprefix(_PREFIX) if reasons else (lines or ["no message"])[-1]
        raise UserError(f"{path}: not a LiteRT file: {reason[:300]}")


def main(path: str, run: bool) -> int:
    import contextlib

    from psfr_tf.engines.litert import allocated, open_file

    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(hard, MEMORY_LIMIT)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        interpreter = open_file(path, xnnpack=False)
        interpreter.get_input_details(), interpreter.get_output_details()
        interpreter._get_ops_details()
        if len(interpreter.get_signature_list()) == 1:
            runner = interpreter.get_signature_runner()
            runner.get_input_details(), runner.get_output_details()
        if run:
            allocated(path).invoke()
    except Exception as error:  # LiteRT raises ValueError, RuntimeError; pybind11 whatever else
        print(_PREFIX + (" ".join(str(error).split()) or type(error).__name__), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--run" in sys.argv[2:]))
