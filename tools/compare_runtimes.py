"""psfr-mobile-256 in PyTorch, ONNX Runtime, OpenVINO and LiteRT, measured in one run.

    psfr export onnx --weights psfr-mobile-256 --output out
    python tools/compare_runtimes.py out/restorer_float32.onnx

All restore one damaged face, in turn: median time, size of the file and PSNR against ONNX Runtime
in float32. PyTorch runs the Keras networks in their inference form, in a process of its own; the
others run the exported file, what their tools make of it, and the shipped LiteRT files. Rows whose
package is missing (torch, openvino, onnxconverter-common) are left out.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from psfr_tf.android_bench.face import damaged_face
from psfr_tf.engines.litert import LiteRTEngine
from psfr_tf.engines.onnx import open_session
from psfr_tf.machine import available_cores
from psfr_tf.model_folder import SHIPPED_WEIGHTS
from psfr_tf.pictures import normalize

MODEL = "psfr-mobile-256"
LITERT = ("float16", "int8-dynamic")
RUNS = 12  # of each in a round
REFERENCE, PYTORCH = "float32, ONNX Runtime", "Keras networks, PyTorch"
Run = Callable[[np.ndarray], np.ndarray]


def timed(run: Run, lq: np.ndarray) -> list[float]:
    """Seconds of each call, after one to warm up: others ran since."""
    seconds = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        run(lq)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def onnx_runtime(path: Path, threads: int) -> Run:
    session = open_session(path, threads)
    return lambda lq: session.run(["restored"], {"lq": lq})[0]


def open_vino(path: Path, threads: int, precision: str = "f32") -> Run:
    import openvino

    options = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    model = openvino.Core().compile_model(str(path), "CPU", options)
    return lambda lq: model(lq)["restored"]


def pytorch(threads: int) -> Run:
    """To be called in a process with KERAS_BACKEND=torch."""
    import torch

    from psfr_tf.model_folder import load_model_folder
    from psfr_tf.models.inference_form import inference_form

    torch.set_num_threads(threads)
    folder = load_model_folder(MODEL)
    restorer = inference_form(folder.generator, folder.parsing_network).restorer

    def run(lq: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return restorer(torch.from_numpy(lq), training=False)["restored"].numpy()

    return run


def pytorch_round(folder: Path, threads: int) -> list[float]:
    """One round in a process of its own; its result goes to `folder`."""
    command = [sys.executable, __file__, "-", "--threads", str(threads), "--pytorch", str(folder)]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def as_it_is(path: Path, folder: Path) -> Path:
    return path


@functools.cache
def int8_file(path: Path, folder: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    made = folder / "int8.onnx"
    quantize_dynamic(path, made, weight_type=QuantType.QUInt8)
    return made


def float16_file(path: Path, folder: Path) -> Path:
    import onnx
    from onnxconverter_common import float16

    made = folder / "float16.onnx"
    onnx.save(float16.convert_float_to_float16(onnx.load(path), keep_io_types=True), made)
    return made


def variants(path: Path, folder: Path, threads: int) -> dict[str, tuple[Path, Run]]:
    """What can run in this process: file and function by name."""
    bfloat16 = functools.partial(open_vino, precision="bf16")
    int8, float16 = "int8 (quantize_dynamic)", "float16 (onnxconverter_common)"
    tries = [
        (REFERENCE, as_it_is, onnx_runtime),
        (f"{int8}, ONNX Runtime", int8_file, onnx_runtime),
        (f"{float16}, ONNX Runtime", float16_file, onnx_runtime),
        ("float32, OpenVINO", as_it_is, open_vino),
        ("float32 computed in bfloat16, OpenVINO", as_it_is, bfloat16),
        (f"{int8}, OpenVINO", int8_file, open_vino),
    ]
    found = {}
    for name, make, runtime in tries:
        try:
            file = make(path, folder)
            found[name] = file, runtime(file, threads)
        except ImportError as error:
            print(f"left out: {name} ({error})")
    for precision in LITERT:
        file = SHIPPED_WEIGHTS / MODEL / f"restorer_{precision}.tflite"
        engine = LiteRTEngine(file, threads=threads)
        found[f"{precision}, LiteRT"] = (file, lambda lq, engine=engine: engine.run(lq)[0])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="restorer_float32.onnx of the shipped weights")
    parser.add_argument("--threads", type=int, default=available_cores(), metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of 12 runs; default: 5")
    parser.add_argument("--pytorch", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    lq = normalize(damaged_face(256)[None].astype(np.float32))
    if args.pytorch:
        run = pytorch(args.threads)
        np.save(args.pytorch / "pytorch.npy", run(lq))
        print(json.dumps(timed(run, lq)))
        return
    with tempfile.TemporaryDirectory() as name:
        compare(args.file, Path(name), lq, args.threads, args.rounds)


def compare(path: Path, folder: Path, lq: np.ndarray, threads: int, rounds: int) -> None:
    found = variants(path, folder, threads)
    results = {name: run(lq) for name, (_, run) in found.items()}
    times: dict[str, list[float]] = {name: [] for name in (PYTORCH, *found)}
    for _ in range(rounds):
        try:
            times[PYTORCH] += pytorch_round(folder, threads)
        except subprocess.CalledProcessError:
            print(f"left out: {PYTORCH}")
        for name, (_, run) in found.items():
            times[name] += timed(run, lq)
    if times[PYTORCH]:
        results[PYTORCH] = np.load(folder / "pytorch.npy")
    print("| what, runtime | ms | MB | PSNR (dB) |\n| --- | --- | --- | --- |")
    for name, seconds in times.items():
        if not seconds:
            continue
        results_of = [np.clip(results[each], -1.0, 1.0) for each in (name, REFERENCE)]
        error = float(np.mean(np.subtract(*results_of) ** 2))
        quality = f"{10 * np.log10(4 / error):.1f}" if error else ""
        size = f"{found[name][0].stat().st_size / 1e6:.1f}" if name in found else ""
        print(f"| {name} | {1e3 * statistics.median(seconds):.0f} | {size} | {quality} |")


if __name__ == "__main__":
    main()
