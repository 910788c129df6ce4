"""Open a LiteRT or ONNX file from elsewhere in a process of its own first.

Runtimes trust what they load: a spoiled or made-up file can crash the process that opens it, take
all memory, or run for ever. So that it is another process, `check_file` starts one with limits;
what ends well there ends well here.

    python -m psfr_tf.engines.probe FILE [--run]
"""

import os
import signal
import subprocess
import sys

import numpy as np

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
        raise UserError(f"{path}: {_unusable(path)}: no end after {seconds:.0f} s") from None
    judge(path, result.returncode, result.stderr.decode("utf-8", "replace"))


def judge(path: str | os.PathLike, code: int, errors: str) -> None:
    """Raise `UserError` if the process that opened a file ended with a code other than 0."""
    if code < 0:
        raise UserError(f"{path}: {_unusable(path)}: it crashes the runtime ({signal_name(-code)})")
    if code:
        lines = errors.splitlines()
        reasons = [line for line in lines if line.startswith(_PREFIX)]
        reason = reasons[-1].removeprefix(_PREFIX) if reasons else (lines or ["no message"])[-1]
        raise UserError(f"{path}: {_unusable(path)}: {reason[:300]}")


def signal_name(number: int) -> str:
    """Such as "SIGSEGV"."""
    try:
        return signal.Signals(number).name
    except ValueError:  # one of those for real time
        return f"signal {number}"


def _is_onnx(path: str | os.PathLike) -> bool:
    return os.fspath(path).endswith(".onnx")


def _unusable(path: str | os.PathLike) -> str:
    return f"not a usable {'ONNX' if _is_onnx(path) else 'LiteRT'} file"


def main(path: str, run: bool) -> int:
    import contextlib

    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(hard, MEMORY_LIMIT)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        (_open_onnx if _is_onnx(path) else _open_litert)(path, run)
    except Exception as error:  # LiteRT raises ValueError, RuntimeError; pybind11 whatever else
        reason = error.__cause__ or error
        print(_PREFIX + (" ".join(str(reason).split()) or type(reason).__name__), file=sys.stderr)
        return 1
    return 0


def _open_litert(path: str, run: bool) -> None:
    from psfr_tf.engines.litert import allocated, open_file

    interpreter = open_file(path, xnnpack=False)
    interpreter.get_input_details(), interpreter.get_output_details()
    interpreter._get_ops_details()
    if len(interpreter.get_signature_list()) == 1:
        runner = interpreter.get_signature_runner()
        runner.get_input_details(), runner.get_output_details()
    if run:
        allocated(path).invoke()


def _open_onnx(path: str, run: bool) -> None:
    from psfr_tf.engines.onnx import OnnxInterpreter

    interpreter = OnnxInterpreter(path)
    interpreter.metadata()
    if run:
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
        interpreter.invoke()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--run" in sys.argv[2:]))
