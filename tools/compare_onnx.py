"""An exported ONNX file and what other tools make of it, in ONNX Runtime, OpenVINO and LiteRT.

    psfr export onnx --weights psfr-mobile-256 --output out
    python tools/compare_onnx.py out/restorer_float32.onnx

All run one damaged face in this process, in turn: median time, size and PSNR against ONNX Runtime
in float32. Rows whose package is missing (openvino, onnxconverter-common) are left out. LiteRT runs
the files of the shipped weights.
"""

import argparse
import statistics
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

LITERT = ("float16", "int8-dynamic")
Run = Callable[[np.ndarray], np.ndarray]


def onnx_runtime(path: Path, threads: int) -> Run:
    session = open_session(path, threads)
    return lambda lq: session.run(["restored"], {"lq": lq})[0]


def open_vino(path: Path, threads: int, precision: str) -> Run:
    import openvino

    options = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    model = openvino.Core().compile_model(str(path), "CPU", options)
    return lambda lq: model(lq)["restored"]


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
    """What can run here: file and function by name; the first is ONNX Runtime in float32."""
    tries: dict[str, Callable[[], tuple[Path, Run]]] = {
        "float32, ONNX Runtime": lambda: (path, onnx_runtime(path, threads)),
        "int8 (quantize_dynamic), ONNX Runtime": lambda: (
            made := int8_file(path, folder),
            onnx_runtime(made, threads),
        ),
        "float16 (onnxconverter_common), ONNX Runtime": lambda: (
            made := float16_file(path, folder),
            onnx_runtime(made, threads),
        ),
        "float32, OpenVINO": lambda: (path, open_vino(path, threads, "f32")),
        "float32 computed in bfloat16, OpenVINO": lambda: (path, open_vino(path, threads, "bf16")),
        "int8 (quantize_dynamic), OpenVINO": lambda: (
            made := int8_file(path, folder),
            open_vino(made, threads, "f32"),
        ),
    }
    found = {}
    for name, make in tries.items():
        try:
            found[name] = make()
        except ImportError as error:
            print(f"left out: {name} ({error})")
    for precision in LITERT:
        file = SHIPPED_WEIGHTS / "psfr-mobile-256" / f"restorer_{precision}.tflite"
        engine = LiteRTEngine(file, threads=threads)
        found[f"{precision}, LiteRT"] = (file, lambda lq, engine=engine: engine.run(lq)[0])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="restorer_float32.onnx of the shipped weights")
    parser.add_argument("--threads", type=int, default=available_cores(), metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of 12 runs; default: 5")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = variants(args.file, Path(folder), args.threads)
        lq = normalize(damaged_face(256)[None].astype(np.float32))
        results = {name: np.clip(run(lq), -1.0, 1.0) for name, (_, run) in found.items()}
        times: dict[str, list[float]] = {name: [] for name in found}
        for name, (_, run) in [*found.items()] * args.rounds:
            run(lq)  # Others ran since.
            for _ in range(12):
                start = time.perf_counter()
                run(lq)
                times[name].append(time.perf_counter() - start)
        reference = next(iter(results.values()))
        print("| file, runtime | ms | MB | PSNR (dB) |\n| --- | --- | --- | --- |")
        for name, (file, _) in found.items():
            error = float(np.mean((results[name] - reference) ** 2))
            quality = f"{10 * np.log10(4 / error):.1f}" if error else ""
            size = file.stat().st_size / 1e6
            print(
                f"| {name} | {1e3 * statistics.median(times[name]):.0f} | {size:.1f} | {quality} |"
            )


if __name__ == "__main__":
    main()
