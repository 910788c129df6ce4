"""Stands for TensorFlow's `benchmark_model` on the emulated phone.

It takes the same options, prints what the real program prints (version of 2025, for Android) with
recorded figures, and writes the files that it is asked for. The model is always `max(x, 0)`, which
the tests' file computes. `behavior.json` at the phone's root tells what goes wrong, and when.
"""

import array
import json
import os
import struct
import sys
import time

PHONE = os.environ["PHONE"]
KNOWN = {
    *("graph", "num_threads", "num_runs", "min_secs", "max_secs", "warmup_runs"),
    *("warmup_min_secs", "use_xnnpack", "xnnpack_force_fp16", "use_gpu"),
    *("gpu_precision_loss_allowed", "report_peak_memory_footprint", "input_layer"),
    *("input_layer_shape", "input_layer_value_files", "output_filepath", "result_file_path"),
}
NODES = 145
INIT_US, FIRST_US = 48250, 61733
MEAN_MS = {"cpu": 120.0, "xnnpack": 40.0, "xnnpack-fp16": 22.0, "gpu": 11.0}
DELEGATE = {"xnnpack": ("XNNPACK", "TfLiteXNNPackDelegate"), "gpu": ("GPU", "TfLiteGpuDelegateV2")}


def main() -> int:
    flags = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
    with open(os.path.join(PHONE, "behavior.json")) as file:
        behavior = json.load(file)
    if not os.path.exists(flags["graph"]):
        say("Failed to load model", "ERROR")
        return 1
    event = behavior["events"].get(str(count_run()))
    if event == "garbage":
        sys.stdout.buffer.write(bytes(range(256)) * 8)
        return 0
    say("STARTING!")
    say("Log parameter values verbosely: [0]")
    unknown = [name for name in flags if name not in KNOWN or name in behavior["unknown_flags"]]
    if unknown:
        say(
            "Unconsumed cmdline flags: " + " ".join(f"--{u}={flags.pop(u)}" for u in unknown),
            "WARN",
        )
    say(f"Graph: [{flags['graph']}]")
    with open(flags["graph"], "rb") as file:
        if file.read(8)[4:] != b"TFL3":
            say(f"Failed to load model {flags['graph']}", "ERROR")
            say("Benchmarking failed.", "ERROR")
            return 1
    say(f"Loaded model {flags['graph']}")
    say("Initialized TensorFlow Lite runtime.")
    delegate = requested(flags)
    if not apply(delegate, behavior):
        say("Benchmarking failed.", "ERROR")
        return 1
    say(f"The input model file size (MB): {os.path.getsize(flags['graph']) / 1e6:g}")
    say(f"Initialized session in {INIT_US / 1e3:g}ms.")
    if event == "crash":
        sys.stdout.flush()
        os.kill(os.getpid(), 11)
    if event == "pull the cable":
        print("<<pull the cable>>", flush=True)
    if event == "hang":
        time.sleep(60)
    measure(flags, delegate, event)
    if "output_filepath" in flags:
        write_outputs(flags, delegate, behavior)
    return 0


def count_run() -> int:
    """Number of this run on the phone, from 1."""
    path = os.path.join(PHONE, "runs")
    with open(path, "a") as file:
        file.write(".")
    return os.path.getsize(path)


def say(text: str, severity: str = "INFO") -> None:
    print(f"{severity}: {text}", flush=True)


def requested(flags: dict) -> str:
    if flags.get("use_gpu") == "true":
        return "gpu"
    if flags.get("use_xnnpack") == "false":
        return "cpu"
    return "xnnpack-fp16" if flags.get("xnnpack_force_fp16") == "true" else "xnnpack"


def apply(delegate: str, behavior: dict) -> bool:
    if delegate == "cpu":
        return True
    name, kernel = DELEGATE[delegate.split("-")[0]]
    mode = behavior["gpu"] if delegate == "gpu" else "all"
    if mode == "refused":
        say("TfLiteGpuDelegate Init: CONV_2D: no OpenCL library on this device", "ERROR")
        say(f"Failed to apply {name} delegate.", "ERROR")
        return False
    nodes = {"all": NODES, "part": 120, "none": 0}.get(mode, NODES)
    if nodes:
        say(
            f"Replacing {nodes} out of {NODES} node(s) with delegate ({kernel}) node, yielding "
            f"{1 if nodes == NODES else 7} partitions for subgraph 0."
        )
    if nodes == NODES:
        say(
            f"Explicitly applied {name} delegate, and the model graph will be completely executed "
            "by the delegate."
        )
    elif nodes:
        say(
            f"Explicitly applied {name} delegate, and the model graph will be partially executed "
            "by the delegate w/ 4 delegate kernels."
        )
        say(
            f"Replacing {NODES - nodes} out of {NODES - nodes + 4} node(s) with delegate "
            "(TfLiteXNNPackDelegate) node, yielding 4 partitions for subgraph 0."
        )
    else:
        say(
            f"Though {name} delegate is explicitly applied, the model graph will not be executed "
            "by the delegate."
        )
    return True


def measure(flags: dict, delegate: str, event: str | None) -> None:
    mean = MEAN_MS[delegate] / min(int(flags["num_threads"]), 4) ** 0.8
    if event == "throttle":
        mean *= 1.7
        with open(os.path.join(PHONE, "thermal_status"), "w") as file:
            file.write("3")
    warm_up = statistics(int(flags["warmup_runs"]), 1.1 * mean)
    least = max(int(flags["num_runs"]), round(1000 * float(flags["min_secs"]) / mean))
    measured = statistics(least, mean)
    say(summary(warm_up) + "\n")
    say(summary(measured) + "\n")
    say(
        f"Inference timings in us: Init: {INIT_US}, First inference: {FIRST_US}, "
        f"Warmup (avg): {warm_up['avg']:g}, Inference (avg): {measured['avg']:g}"
    )
    say(
        "Note: as the benchmark tool itself affects memory footprint, the following is only "
        "APPROXIMATE to the actual memory footprint of the model at runtime. Take the information "
        "at your discretion."
    )
    say("Memory footprint delta from the start of the tool (MB): init=54.2852 overall=73.4102")
    if flags.get("report_peak_memory_footprint") == "true":
        say("Overall peak memory footprint (MB) via periodic monitoring: 81.5")
    if "result_file_path" in flags:
        fields = ["avg", "min", "max", "std", "median", "p5", "p95"]
        latency = b"".join(
            bytes([number << 3 | 5]) + struct.pack("<f", measured[name] / 1e3)
            for number, name in enumerate(fields, 1)
        )
        with open(flags["result_file_path"], "wb") as file:
            file.write(bytes([2 << 3 | 2, len(latency)]) + latency)


def statistics(runs: int, mean_ms: float) -> dict:
    """Of latencies spread around the mean, in microseconds, as the real program's class gives."""
    if not runs:
        return {"count": 0, "avg": 0.0}
    times = sorted(
        round(1000 * mean_ms * (0.94 + 0.12 * ((7 * i) % runs) / runs)) for i in range(runs)
    )
    average = sum(times) / runs
    return {
        "count": runs,
        "first": times[0],
        "curr": times[-1],
        "min": times[0],
        "max": times[-1],
        "avg": average,
        "std": (sum((t - average) ** 2 for t in times) / runs) ** 0.5,
        "p5": times[int(0.05 * (runs - 1))],
        "median": times[int(0.5 * (runs - 1))],
        "p95": times[int(0.95 * (runs - 1))],
    }


def summary(values: dict) -> str:
    if values["count"] == 0:
        return "count=0"
    if values["count"] == 1:
        return f"count=1 curr={values['curr']}"
    return " ".join(f"{name}={value:.6g}" for name, value in values.items())


def write_outputs(flags: dict, delegate: str, behavior: dict) -> None:
    path = flags["input_layer_value_files"].split(":", 1)[1]
    values = array.array("f")
    with open(path, "rb") as file:
        values.frombytes(file.read())
    values = array.array("f", [max(value, 0.0) for value in values])
    mode = behavior["gpu"] if delegate == "gpu" else "all"
    if mode == "wrong":
        values = array.array("f", [0.5 - value for value in values])
    elif delegate == "xnnpack-fp16" or (delegate == "gpu" and mode != "secretly on the cpu"):
        halves = struct.pack(f"<{len(values)}e", *values)
        values = array.array("f", struct.unpack(f"<{len(values)}e", halves))
    with open(flags["output_filepath"], "wb") as file:
        file.write(values.tobytes()[: behavior["output_bytes"]])


sys.exit(main())
