"""Latency and peak memory of one LiteRT file, in a process of its own.

    python -m psfr_tf.export.measure_litert FILE --threads 2

prints one line of JSON. Only numpy and a LiteRT runtime are loaded, so the memory is that of a
small program that runs the file: interpreter, weights, activations.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

from psfr_tf.machine import peak_memory_bytes

WARM_UP = 2
MIN_RUNS, MAX_RUNS, SECONDS = 5, 50, 3.0


def measure(path: str | os.PathLike, threads: int) -> dict:
    """Run a file in a new process.

    Returns:
        dict of `threads`, `runs`, `median_ms`, `min_ms`, `cpu_ms` (median of the CPU time of all
        threads: less disturbed by other programs), `peak_memory_mb` (of the whole process).

    Raises:
        RuntimeError: the file does not run.
    """
    return in_new_process(__spec__.name, path, threads)


def in_new_process(module: str, path: str | os.PathLike, threads: int) -> dict:
    """What `python -m module path --threads N` prints in its last line, see `measure`."""
    command = [sys.executable, "-m", module, str(path), "--threads", str(threads)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{path}: cannot be measured: {result.stderr.strip()[-500:]}")
    return json.loads(result.stdout.splitlines()[-1])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m psfr_tf.export.measure_litert")
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)

    from psfr_tf.engines.litert import interpreter_class

    interpreter = interpreter_class()(model_path=args.file, num_threads=args.threads)
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        values = random.uniform(-1, 1, detail["shape"]).astype(detail["dtype"])
        interpreter.set_tensor(detail["index"], values)
    print(json.dumps(timed(interpreter.invoke, args.threads)))
    return 0


def timed(run, threads: int) -> dict:
    """The result of `measure` for a function, in this process."""
    wall, cpu = time_runs(run)
    return {
        "threads": threads,
        "runs": len(wall),
        "median_ms": 1e3 * float(np.median(wall)),
        "min_ms": 1e3 * min(wall),
        "cpu_ms": 1e3 * float(np.median(cpu)),
        "peak_memory_mb": peak_memory_bytes() / 1e6,
    }


def time_runs(run) -> tuple[list[float], list[float]]:
    """Wall-clock and CPU seconds of each call of `run`, after warm-up calls."""
    for _ in range(WARM_UP):
        run()
    wall, cpu = [], []
    while len(wall) < MIN_RUNS or (sum(wall) < SECONDS and len(wall) < MAX_RUNS):
        started = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - started[0])
        cpu.append(time.process_time() - started[1])
    return wall, cpu


if __name__ == "__main__":
    sys.exit(main())
