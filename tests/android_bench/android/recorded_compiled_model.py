"""Stands for LiteRT's `benchmark_model` of the CompiledModel API on the emulated phone.

It takes the same options and prints what the real program prints (LiteRT 2.2, for Android) with
recorded figures. `behavior.json` at the phone's root tells what the accelerators take.
"""

import json
import os
import sys

PHONE = os.environ["PHONE"]
NODES = 145
MEAN_MS = {"cpu": 30.0, "gpu": 9.0, "npu": 4.0}


def say(text: str, place: str = "", severity: str = "INFO") -> None:
    print(f"{severity}: {place and f'[{place}] '}{text}", flush=True)


def main() -> int:
    flags = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
    with open(os.path.join(PHONE, "behavior.json")) as file:
        behavior = json.load(file)
    say("STARTING!")
    say(f"Loading model from: {flags['graph']}", "benchmark_litert_model.cc:201")
    if not os.path.exists(flags["graph"]):
        say("", "litert/cc/litert_model.h:89", "ERROR")
        say("Failed to load model.", "benchmark_litert_model.cc:203", "ERROR")
        say("Benchmarking failed.", severity="ERROR")
        return 1
    gpu, npu = (flags.get(f"use_{name}") == "true" for name in ("gpu", "npu"))
    if npu:
        apply_npu(flags, behavior["npu"])
    elif gpu:
        nodes = NODES if behavior["gpu"] == "all" else 120
        if nodes < NODES:
            say("Following operations are not supported by GPU delegate:", severity="ERROR")
            print('RESHAPE: Tensor "a" has bad input dims size: 6.')
            print(
                f"{nodes} operations will run on the GPU, and the remaining {NODES - nodes} "
                "operations will run on the CPU."
            )
        replace(nodes, NODES, "LITERT_CL")
    else:
        say("Created TensorFlow Lite XNNPACK delegate for CPU.")
        replace(NODES, NODES, "TfLiteXNNPackDelegate")
    results(flags, MEAN_MS["npu" if npu else "gpu" if gpu else "cpu"])
    return 0


def apply_npu(flags: dict, takes: str) -> None:
    for name in ("dispatch_library_path", "compiler_plugin_library_path"):
        say(f"{name}: {flags.get(name, '')}", "benchmark_litert_model.cc:171")
    # The dynamic linker looks here.
    libraries = os.listdir(flags["dispatch_library_path"])
    assert flags["dispatch_library_path"] == os.environ["LD_LIBRARY_PATH"]
    if takes == "none" or "libLiteRtDispatch_Qualcomm.so" not in libraries:
        say(
            "Failed to create a dispatch delegate kernel: No usable Dispatch runtime found",
            "dispatch_delegate.cc:131",
            "ERROR",
        )
        return
    say(
        f"Partitioned subgraph<0>, selected {NODES - 1} ops, from a total of {NODES} ops. resulted "
        "in 2 partitions.",
        "compiler_plugin.cc:741",
    )
    replace(1, 2, "DispatchDelegate")


def replace(nodes: int, total: int, delegate: str) -> None:
    say(
        f"Replacing {nodes} out of {total} node(s) with delegate ({delegate}) node, yielding 1 "
        "partitions for subgraph 0 (main).",
        severity="VERBOSE",
    )


def results(flags: dict, mean: float) -> None:
    runs, warm_up = int(flags["num_runs"]), int(flags["warmup_runs"])
    say(f"count={warm_up} first=61733 curr=40000 min=40000 max=61733 avg=50866 std=10866\n")
    us = 1000 * mean
    say(
        f"count={runs} first={us:g} curr={us:g} min={0.9 * us:g} max={1.2 * us:g} avg={us:g} "
        f"std=10 p5={0.92 * us:g} median={0.98 * us:g} p95={1.1 * us:g}\n"
    )
    lines = [
        "\n========== BENCHMARK RESULTS ==========",
        "Signature name:       serving_default",
        "Model initialization: 812.50 ms",
        "Warmup (first):       61.73 ms",
        f"Warmup (avg):         50.87 ms ({warm_up} runs)",
        f"Inference (avg):      {mean:.2f} ms ({runs} runs)",
        f"Inference (min):      {0.9 * mean:.2f} ms",
        f"Inference (max):      {1.2 * mean:.2f} ms",
        "Inference (std):      0.01",
        "Throughput:           27.46 MB/s",
        "\nMemory Usage:",
        "Init footprint:       91.74 MB",
        "Overall footprint:    93.50 MB",
        "Peak memory:          101.50 MB",
        "======================================\n",
    ]
    for number, line in enumerate(lines, 90):
        say(line, f"benchmark_litert_model.h:{number}")


sys.exit(main())
