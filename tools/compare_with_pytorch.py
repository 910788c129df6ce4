"""Speed and memory of `psfrgan-512` in PyTorch, TensorFlow and LiteRT, measured in one run.

    python tools/compare_with_pytorch.py --output out

Every runtime restores one face (parsing network, one-hot, generator) with networks of the published
sizes and random weights, in a process of its own, `--rounds` times, the runtimes in turn. Needs the
[torch] extra. Writes `report.json` and `table.md`.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from psfr_tf import files
from psfr_tf.engines.measure import measure, time_runs
from psfr_tf.machine import available_cores, peak_memory_bytes

PRESET, SIZE = "psfrgan-512", 512
CHECKPOINTS = ("generator.pth", "parsing.pth")
LITERT = ("float32", "int8-dynamic")
LOW_MEMORY = "-low-memory"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, metavar="DIR")
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument(
        "--only", nargs="+", choices=_names(), metavar="NAME", help="runtimes beside pytorch"
    )
    parser.add_argument("--measure", choices=list(RUNTIMES), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)

    threads = args.threads or available_cores()
    if args.measure:
        print(json.dumps(_measure_here(args.measure, threads)))
        return 0
    if args.output is None:
        parser.error("--output is needed")
    args.output.mkdir(parents=True, exist_ok=True)
    report = _compare(threads, args.rounds, args.only)
    files.write_json(args.output / "report.json", report)
    table = _table(report)
    files.write_text(args.output / "table.md", table)
    print(table)
    return 0


def _names() -> list[str]:
    """Of all runtimes, PyTorch first."""
    litert = [f"litert-{precision}{how}" for precision in LITERT for how in ("", LOW_MEMORY)]
    return [*(name for name in RUNTIMES if name != "write-models"), *litert]


def _compare(threads: int, number_of_rounds: int, only: list[str] | None = None) -> dict:
    names = [name for name in _names() if not only or name in ("pytorch", *only)]
    rounds: dict[str, list[dict]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        _run("--measure", "write-models", cwd=folder)
        for name in tqdm(names * number_of_rounds, "Measure", disable=None):
            if name in RUNTIMES:
                result = _run("--measure", name, "--threads", str(threads), cwd=folder)
            else:
                precision = name.removeprefix("litert-").removesuffix(LOW_MEMORY)
                file = Path(folder) / f"{precision}.tflite"
                how = ["--low-memory"] * name.endswith(LOW_MEMORY)
                result = measure(file, "--threads", threads, *how)
            rounds[name].append(result)
    runtimes = {}
    for name, results in rounds.items():
        runtimes[name] = {
            "median_ms": float(np.median([np.median(result["wall_ms"]) for result in results])),
            "cpu_ms": float(np.median([np.median(result["cpu_ms"]) for result in results])),
            "peak_memory_mb": max(result["peak_memory_mb"] for result in results),
        }
    base = runtimes["pytorch"]
    for figures in runtimes.values():
        figures["speed"] = base["median_ms"] / figures["median_ms"]
        figures["cpu_speed"] = base["cpu_ms"] / figures["cpu_ms"]
        figures["memory"] = figures["peak_memory_mb"] / base["peak_memory_mb"]
    return {"preset": PRESET, "threads": threads, "rounds": number_of_rounds, "runtimes": runtimes}


def _run(*arguments: str, cwd: str) -> dict:
    command = [sys.executable, os.path.abspath(__file__), *arguments]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if "PYTHONPATH" in environment:
        environment["PYTHONPATH"] = os.path.abspath(environment["PYTHONPATH"])
    result = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    if result.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {result.stderr.strip()[-1000:]}")
    return json.loads(result.stdout.splitlines()[-1])


def _measure_here(name: str, threads: int) -> dict:
    run = RUNTIMES[name](threads)
    if run is None:
        return {}
    wall, cpu = time_runs(run)
    return {
        "wall_ms": [1e3 * seconds for seconds in wall],
        "cpu_ms": [1e3 * seconds for seconds in cpu],
        "peak_memory_mb": peak_memory_bytes() / 1e6,
    }


def _face(channels_first: bool = False) -> np.ndarray:
    face = np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)
    return np.ascontiguousarray(face.transpose(0, 3, 1, 2)) if channels_first else face


def _pytorch(threads: int, bfloat16: bool = False):
    import pytorch_networks
    import torch

    torch.set_num_threads(threads)
    generator, parsing = (torch.load(name, weights_only=True) for name in CHECKPOINTS)
    lq = torch.from_numpy(_face(channels_first=True))

    @torch.inference_mode()
    @torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)
    def run():
        logits, _ = pytorch_networks.parsing_network(parsing, lq)
        one_hot = (logits == logits.amax(1, keepdim=True)).float()
        return pytorch_networks.generator(generator, lq, one_hot)

    return run


def _tensorflow(threads: int):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    from psfr_tf.models.face_parsing import one_hot_from_logits

    generator, parsing_network = _networks()

    @tf.function(autograph=False)
    def restore(lq):
        logits = parsing_network(lq, training=False)["logits"]
        return generator([lq, one_hot_from_logits(logits)], training=False)

    return lambda: restore(tf.constant(_face())).numpy()


def _inference_form(threads: int, precision: str):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    from psfr_tf.engines.tensorflow import TensorFlowEngine

    engine = TensorFlowEngine(*_networks(), precision)
    return lambda: engine.run(_face())


def _write_models(threads: int) -> None:
    """Checkpoints and LiteRT files, so that measuring them loads no Keras networks."""
    import pytorch_networks
    import torch

    from psfr_tf.engines.parts import part_function
    from psfr_tf.engines.tensorflow_converter import convert
    from psfr_tf.models.inference_form import inference_form

    networks = _networks()
    for name, network in zip(CHECKPOINTS, networks, strict=True):
        torch.save(pytorch_networks.random_state(network), name)
    form = inference_form(*networks)
    for precision in LITERT:
        content = convert(*part_function(form, "restorer"), precision)
        Path(f"{precision}.tflite").write_bytes(content)


def _networks():
    from psfr_tf.models import FaceParsingNetwork, Generator

    return Generator.from_preset(PRESET, load_weights=False), FaceParsingNetwork.from_preset(
        PRESET, load_weights=False
    )


RUNTIMES = {
    "pytorch": _pytorch,
    "pytorch-bfloat16": functools.partial(_pytorch, bfloat16=True),
    "tensorflow": _tensorflow,
    "tensorflow-inference-form": functools.partial(_inference_form, precision="float32"),
    "tensorflow-inference-form-bfloat16": functools.partial(_inference_form, precision="bfloat16"),
    "write-models": _write_models,
}


def _table(report: dict) -> str:
    rows = ["| runtime | ms | speed | CPU ms | CPU speed | peak MB | memory |"]
    rows.append("| --- | --- | --- | --- | --- | --- | --- |")
    for name, figures in report["runtimes"].items():
        rows.append(
            f"| {name} | {figures['median_ms']:.0f} | {figures['speed']:.2f} | "
            f"{figures['cpu_ms']:.0f} | {figures['cpu_speed']:.2f} | "
            f"{figures['peak_memory_mb']:.0f} | {figures['memory']:.2f} |"
        )
    return "\n".join(
        [
            f"{report['preset']}, one face, {report['threads']} threads; medians, "
            f"{report['rounds']} rounds; speed and memory against PyTorch.",
            "",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
