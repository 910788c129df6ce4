"""Time and memory of one LiteRT or ONNX file, in a process of its own.

    python -m psfr_tf.engines.measure FILE --threads 2

prints one line of JSON. Only numpy and a LiteRT runtime are loaded, so the memory is that of a
small program that runs the file: interpreter, weights, activations.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np

from psfr_tf.engines.delegation import delegation
from psfr_tf.engines.gpu import GpuInterpreter, printed_error, printed_facts
from psfr_tf.engines.litert import allocated, interpreter_class
from psfr_tf.engines.low_memory import LowMemoryInterpreter
from psfr_tf.engines.onnx import OnnxInterpreter
from psfr_tf.engines.probe import signal_name
from psfr_tf.errors import UserError
from psfr_tf.machine import peak_memory_bytes

WARM_UP = 2
MIN_RUNS, MAX_RUNS, SECONDS = 5, 50, 3.0
TIME_LIMIT = 600.0  # seconds: a large network on a slow board


class MeasurementFailed(UserError):
    """A process that measures failed; the message names the file and what it printed last.

    Attributes:
        printed: the end of what it printed.
        reason: its last line, or a better one.
    """

    def __init__(self, path: str | os.PathLike, printed: str, reason: str | None = None) -> None:
        self.printed = printed
        self.reason = reason or (printed.splitlines()[-1] if printed else "no message")
        super().__init__(f"{path}: cannot be measured: {self.reason}")


def measure(path: str | os.PathLike, *options: object, seconds: float = TIME_LIMIT) -> dict:
    """Run a file in a new process.

    Args:
        options: of the module's command line.
        seconds: it is ended after; a file may hold a loop without an end.

    Returns:
        dict of `wall_ms` and `cpu_ms` (of each run; CPU time of all threads, less disturbed by
        other programs), `init_ms`, `first_ms`, `peak_memory_mb` (of the whole process), and but for
        `--low-memory` and ONNX `operations`, `partitions`, `outside`, see `delegation`, and
        `outside_count`. With `--inputs` nothing of this. With `--gpu` also what
        `gpu.printed_facts` tells, and `whole`.

    Raises:
        MeasurementFailed: the file does not run, or takes too long.
    """
    # A file's name may begin with "-".
    command = [sys.executable, "-m", __spec__.name, *map(str, options), "--", str(path)]
    try:
        # LiteRT prints names of the file as they are.
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise MeasurementFailed(path, f"no end after {seconds:.0f} s") from None
    if result.returncode:
        # LiteRT's GPU prints more after the error.
        reason = printed_error(result.stderr) if "--gpu" in options else None
        raise MeasurementFailed(path, _failure(result), reason if result.returncode > 0 else None)
    figures = json.loads(result.stdout.splitlines()[-1])
    return figures | printed_facts(result.stderr) if "--gpu" in options else figures


def _failure(result: subprocess.CompletedProcess) -> str:
    if result.returncode < 0:
        name = signal_name(-result.returncode)
        return f"ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return result.stderr.strip()[-500:]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m psfr_tf.engines.measure")
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=1)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--no-xnnpack", action="store_true", help="LiteRT's own kernels")
    how.add_argument("--low-memory", action="store_true", help="XNNPACK keeps no pointers")
    how.add_argument("--gpu", action="store_true", help="LiteRT's GPU accelerator")
    parser.add_argument("--cpus", type=lambda text: list(map(int, text.split(","))))
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help="runs before, at least 1")
    parser.add_argument("--min-runs", type=int, default=MIN_RUNS)
    parser.add_argument("--max-runs", type=int, default=MAX_RUNS)
    parser.add_argument("--min-seconds", type=float, default=SECONDS)
    parser.add_argument("--max-seconds", type=float, default=float("inf"))
    parser.add_argument("--inputs", help=".npz with an array for each input: no timing, one run")
    parser.add_argument("--outputs", help=".npz to write, with an array for each output")
    args = parser.parse_args(argv)

    if args.cpus:
        os.sched_setaffinity(0, args.cpus)
    is_onnx = args.file.endswith(".onnx")
    # Loads the runtime's library, which is not part of the start.
    importlib.import_module("onnxruntime") if is_onnx else interpreter_class()
    started = time.perf_counter()
    interpreter: Any
    if is_onnx:
        interpreter = OnnxInterpreter(args.file, args.threads)
    elif args.low_memory:
        interpreter = LowMemoryInterpreter(args.file, args.threads)
    elif args.gpu:
        interpreter = GpuInterpreter(args.file)
    else:
        interpreter = allocated(args.file, args.threads, xnnpack=not args.no_xnnpack)
    init = time.perf_counter() - started
    if args.inputs:
        _run_once(interpreter, args.inputs, args.outputs)
        print(json.dumps({"whole": interpreter.whole} if args.gpu else {}))
        return 0
    random = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        values = random.uniform(-1, 1, detail["shape"]).astype(detail["dtype"])
        interpreter.set_tensor(detail["index"], values)
    started = time.perf_counter()
    interpreter.invoke()
    first = time.perf_counter() - started
    limits = (args.min_runs, args.max_runs, args.min_seconds, args.max_seconds)
    wall, cpu = time_runs(interpreter.invoke, args.warm_up - 1, *limits)
    figures = {
        "wall_ms": [1e3 * seconds for seconds in wall],
        "cpu_ms": [1e3 * seconds for seconds in cpu],
        "init_ms": 1e3 * init,
        "first_ms": 1e3 * first,
        "peak_memory_mb": peak_memory_bytes() / 1e6,
    }
    print(json.dumps(figures | ({} if args.low_memory or is_onnx else _operations(interpreter))))
    return 0


def _operations(interpreter) -> dict:
    if isinstance(interpreter, GpuInterpreter):
        partitions = 1 if interpreter.whole else None  # The accelerator does not tell.
        return {
            "whole": interpreter.whole,
            "operations": interpreter.operations(),
            "partitions": partitions,
        }
    partitions, outside = delegation(interpreter)
    own = [op for op in interpreter._get_ops_details() if op["op_name"] != "DELEGATE"]
    counts = {"operations": len(own), "outside_count": len(outside)}
    return {"partitions": partitions, "outside": outside, **counts}


def _run_once(interpreter, inputs: str, outputs: str) -> None:
    with np.load(inputs) as arrays:
        for name, detail in zip(arrays.files, interpreter.get_input_details(), strict=True):
            interpreter.set_tensor(detail["index"], arrays[name])
    interpreter.invoke()
    results = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
    np.savez(outputs, *results)


def time_runs(
    run,
    warm_up: int = WARM_UP,
    min_runs: int = MIN_RUNS,
    max_runs: int = MAX_RUNS,
    min_seconds: float = SECONDS,
    max_seconds: float = float("inf"),
) -> tuple[list[float], list[float]]:
    """Wall-clock and CPU seconds of each call of `run`, after `warm_up` calls.

    At least `min_runs` calls; more up to `min_seconds`, if these are not more than `max_runs`;
    after `max_seconds` none is started, but the first is.
    """
    for _ in range(warm_up):
        run()
    wall: list[float] = []
    cpu: list[float] = []
    while len(wall) < min_runs or (sum(wall) < min_seconds and len(wall) < max_runs):
        if wall and sum(wall) >= max_seconds:
            break
        started = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - started[0])
        cpu.append(time.process_time() - started[1])
    return wall, cpu


if __name__ == "__main__":
    sys.exit(main())
