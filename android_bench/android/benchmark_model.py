"""The options of TensorFlow's `benchmark_model`, and what it prints.

Options and texts are those of the Interpreter API's program, `tensorflow/lite/tools/benchmark`
(now in LiteRT's repository, `tflite/tools/benchmark`). The program of the same name for the
CompiledModel API has others: `compiled_model`.
"""

import re
from collections.abc import Mapping

from psfr_tf.android_bench.plan import Case, Runs
from psfr_tf.android_bench.target import CaseFailed, Latency, Measurement

# Options of each.
DELEGATES: dict[str, tuple[str, ...]] = {
    # Without the first, the runtime applies XNNPACK on its own.
    "cpu": ("--use_xnnpack=false",),
    "xnnpack": ("--use_xnnpack=true",),
    # The second does nothing alone.
    "xnnpack-fp16": ("--use_xnnpack=true", "--xnnpack_force_fp16=true"),
    # What the GPU cannot run goes to XNNPACK.
    "gpu": ("--use_gpu=true", "--gpu_precision_loss_allowed=true"),
}
# As the program calls a delegate, and as the runtime does.
_KERNELS = {
    "xnnpack": ("XNNPACK", "TfLiteXNNPackDelegate"),
    "xnnpack-fp16": ("XNNPACK", "TfLiteXNNPackDelegate"),
    "gpu": ("GPU", "TfLiteGpuDelegateV2"),
}
_NUMBER = r"([-+\d.e]+)"
_TIMINGS = re.compile(
    rf"Inference timings in us: Init: {_NUMBER}, First inference: {_NUMBER}, "
    rf"Warmup \(avg\): {_NUMBER}, Inference \(avg\): {_NUMBER}"
)
STATISTICS = re.compile(r"\bcount=(\d{1,9})(?!\d)((?: \w+=[-+\d.e]+)*)")
_PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: {_NUMBER}")
_REPLACING = re.compile(
    r"Replacing (\d{1,9}) out of (\d{1,9}) node\(s\) with delegate \((\w+)\) node"
)
# LiteRT's own errors begin with a place in its source.
_ERRORS = re.compile(r"^(?:ERROR|FATAL): *(?:\[[^\]\n]*\] *)?((?!\[)\S.*)$", re.MULTILINE)
_UNKNOWN_FLAGS = re.compile(r"Unconsumed cmdline flags: (.*)")


def measure_flags(
    case: Case,
    graph: str,
    runs: Runs,
    result: str,
    delegates: Mapping[str, tuple[str, ...]] = DELEGATES,
) -> tuple[str, ...]:
    """Options for a measurement.

    Args:
        graph: path of the file on the phone.
        result: path on the phone for the figures as a protocol buffer.
        delegates: options of each; this program's, or those of `compiled_model`.
    """
    return (
        *_case_flags(case, graph, delegates),
        f"--warmup_runs={runs.warm_up_runs}",
        "--warmup_min_secs=0",
        f"--num_runs={runs.min_runs}",
        f"--min_secs={runs.min_seconds:g}",
        f"--max_secs={runs.max_seconds:g}",
        # A thread reads the process's memory every 50 ms, which costs nothing to speak of.
        "--report_peak_memory_footprint=true",
        f"--result_file_path={result}",
    )


def output_flags(case: Case, graph: str, inputs: list[str], output: str) -> tuple[str, ...]:
    """Options for one inference that reads `inputs` and writes `output`, paths on the phone.

    The inputs get names of our own, which the program allows: a tensor's name may hold ":".
    """
    tensors = case.model.inputs
    names = [f"input{index}" for index in range(len(tensors))]
    shapes = [",".join(map(str, tensor.shape)) for tensor in tensors]
    files = [f"{name}:{path}" for name, path in zip(names, inputs, strict=True)]
    return (
        *_case_flags(case, graph, DELEGATES),
        "--warmup_runs=0",
        "--warmup_min_secs=0",
        "--num_runs=1",
        "--min_secs=0",
        f"--input_layer={','.join(names)}",
        f"--input_layer_shape={':'.join(shapes)}",
        f"--input_layer_value_files={','.join(files)}",
        f"--output_filepath={output}",
    )


def _case_flags(case: Case, graph: str, delegates: Mapping) -> tuple[str, ...]:
    return (f"--graph={graph}", f"--num_threads={case.threads}", *delegates[case.delegate])


def parse(case: Case, log: str, operations: int) -> Measurement:
    """Read what a measurement printed.

    Args:
        operations: of the case's file; the program does not always print them.

    Raises:
        CaseFailed: it holds no result.
    """
    timings = _TIMINGS.findall(log)
    # The first statistics are of the warm-up, the last of the measured runs.
    statistics = STATISTICS.findall(log)
    if len(timings) != 1 or not statistics:
        raise CaseFailed("benchmark_model printed no timings that can be understood", log)
    try:
        init_us, first_us, _, mean_us = map(finite, timings[0])
        count, rest = statistics[-1]
        values = printed_statistics(rest)
        peak = _PEAK.search(log)
        peak_kb = round(1024 * finite(peak.group(1))) if peak else None
    except ValueError:
        raise CaseFailed("benchmark_model printed numbers that cannot be read", log) from None
    if not int(count) or mean_us <= 0:
        raise CaseFailed("benchmark_model made no runs", log)
    # Equal times are given once: "count=2 curr=3992(all same)".
    only = values.get("curr") if set(values) == {"curr"} else None
    latency = Latency(
        runs=int(count),
        mean_ms=mean_us / 1e3,
        std_ms=values.get("std", 0.0 if only else None),
        min_ms=values.get("min", only),
        max_ms=values.get("max", only),
        p50_ms=values.get("median", only),
        p95_ms=values.get("p95", only),
    )
    nodes, delegated, partitions = _delegation(case, log, operations)
    return Measurement(
        latency=latency,
        init_ms=init_us / 1e3,
        first_ms=first_us / 1e3,
        peak_memory_kb=peak_kb,
        nodes=nodes,
        delegated_nodes=delegated,
        partitions=partitions,
    )


def printed_statistics(text: str) -> dict[str, float]:
    """Figures such as "avg=145528 std=13583", printed in microseconds, in ms."""
    return {name: finite(value) / 1e3 for name, value in re.findall(r"(\w+)=(\S+)", text)}


def finite(text: str) -> float:
    """A number that a measurement can give; JSON has none for others.

    Raises:
        ValueError: it is another.
    """
    value = float(text)
    if not abs(value) < 1e12:
        raise ValueError(f"not a measurement: {text[:40]}")
    return value


def _delegation(case: Case, log: str, operations: int) -> tuple[int, int | None, int | None]:
    """Operations, those that the case's delegate runs, and the pieces it runs them in."""
    if case.delegate == "cpu":
        return operations, 0, 0
    name, kernel = _KERNELS[case.delegate]
    for delegated, nodes, applied in _REPLACING.findall(log):
        if applied != kernel:
            continue
        pieces = re.search(rf"applied {name} delegate.* w/ (\d{{1,9}}) delegate kernels", log)
        partitions = 1 if delegated == nodes else int(pieces.group(1)) if pieces else None
        return int(nodes), int(delegated), partitions
    if "model graph will not be executed by the delegate" in log:
        return operations, 0, 0
    if "model graph will be completely executed by the delegate" in log:
        return operations, operations, 1
    return operations, None, None


def failure(code: int, log: str) -> str:
    """Why the program ended with an exit code other than 0, in one line."""
    errors = _ERRORS.findall(log)
    refused = re.search(r"Failed to apply (\w+) delegate", log)
    if refused:
        detail = "" if not errors or refused.group(0) in errors[0] else f" ({errors[0]})"
        return f"the {refused.group(1)} delegate refused the model{detail}"
    if code > 128:
        detail = f": {errors[-1]}" if errors else ""
        return f"benchmark_model crashed (signal {code - 128}){detail}"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    reason = (errors or lines[-1:] or ["no message"])[0]
    return f"benchmark_model failed (exit code {code}): {reason}"


def unknown_flags(log: str) -> str | None:
    """Options that the program does not know, if any."""
    match = _UNKNOWN_FLAGS.search(log)
    return match.group(1).strip() if match else None
