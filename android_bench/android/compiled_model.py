"""The options of LiteRT's `benchmark_model` for the CompiledModel API, and what it prints.

Options and texts are those of `litert/tools/benchmark_litert_model` in LiteRT's repository, of
which Google publishes a program with each version of LiteRT. It shares its name, some options and
the result file with the Interpreter API's (`benchmark_model`), writes no outputs, and has
accelerators (CPU, GPU, NPU) in place of delegates.
"""

import re

from psfr_tf.android_bench.android.benchmark_model import STATISTICS, finite, printed_statistics
from psfr_tf.android_bench.plan import Case
from psfr_tf.android_bench.target import CaseFailed, Latency, Measurement

# Options of each, for `benchmark_model.measure_flags`. What an accelerator refuses goes to the CPU,
# that is to XNNPACK.
DELEGATES: dict[str, tuple[str, ...]] = {
    "xnnpack": (),
    "gpu": ("--use_gpu=true", "--allow_fp16=true"),
    "npu": ("--use_npu=true",),
}
# As the runtime calls them: LITERT_CL and others by the GPU's API.
_KERNELS = {"xnnpack": "TfLiteXNNPackDelegate", "gpu": r"LITERT\w*", "npu": "DispatchDelegate"}
# It names its source file in front of its own lines, of whatever version.
_SIGN = "benchmark_litert_model."
_LINE = r"^.*benchmark_litert_model\.h:\d+\] {}: +([-+\d.e]+) ?(?:ms|MB)?(?: \((\d{{1,9}}) runs\))?"
_COMPILED = re.compile(r"selected (\d{1,9}) ops, from a total of (\d{1,9}) ops")
_ON_GPU = re.compile(
    r"^(\d{1,9}) operations will run on the GPU, and the remaining (\d{1,9})", re.M
)


def is_this_program(log: str) -> bool:
    """Whether a program that printed this is the CompiledModel API's."""
    return _SIGN in log


def parse(case: Case, log: str, operations: int) -> Measurement:
    """Read what a measurement printed.

    Args:
        operations: of the case's file; the program does not always print them.

    Raises:
        CaseFailed: it holds no result.
    """
    try:
        low, mean, high, std = (
            _figure(log, rf"Inference \({name}\)") for name in ("min", "avg", "max", "std")
        )
        init, first = _figure(log, "Model initialization"), _figure(log, r"Warmup \(first\)")
        peak, runs = _figure(log, "Peak memory"), _runs(log)
        # The lines above have no percentiles; those of the program's base have, in microseconds.
        statistics = STATISTICS.findall(log)
        values = printed_statistics(statistics[-1][1]) if statistics else {}
    except ValueError:
        raise CaseFailed("benchmark_model printed numbers that cannot be read", log) from None
    if mean is None or runs is None:
        raise CaseFailed("benchmark_model printed no timings that can be understood", log)
    if not runs or mean <= 0:
        raise CaseFailed("benchmark_model made no runs", log)
    percentiles = {"p50_ms": values.get("median"), "p95_ms": values.get("p95")}
    latency = Latency(runs=runs, mean_ms=mean, std_ms=std, min_ms=low, max_ms=high, **percentiles)
    nodes, delegated, partitions = _delegation(case, log, operations)
    return Measurement(
        latency=latency,
        init_ms=init,
        first_ms=first,
        peak_memory_kb=None if peak is None else round(1024 * peak),
        nodes=nodes,
        delegated_nodes=delegated,
        partitions=partitions,
    )


def _figure(log: str, name: str) -> float | None:
    found = re.search(_LINE.format(name), log, re.M)
    return finite(found.group(1)) if found else None


def _runs(log: str) -> int | None:
    found = re.search(_LINE.format(r"Inference \(avg\)"), log, re.M)
    return int(found.group(2)) if found and found.group(2) else None


def _delegation(case: Case, log: str, operations: int) -> tuple[int, int | None, int | None]:
    """Operations, those that the case's accelerator runs, and the pieces it runs them in."""
    replaced = re.search(
        rf"Replacing (\d{{1,9}}) out of (\d{{1,9}}) node\(s\) with delegate "
        rf"\({_KERNELS[case.delegate]}\) node",
        log,
    )
    compiled, split = _COMPILED.search(log), _ON_GPU.search(log)
    if case.delegate == "npu":
        # The compiler plug-in makes one node of all that it takes; the runtime may yet refuse that.
        if replaced is None or not int(replaced.group(1)):
            return operations, 0, 0
        if compiled:
            return int(compiled.group(2)), int(compiled.group(1)), int(replaced.group(1))
        # Compiled ahead of time.
        return int(replaced.group(2)), int(replaced.group(1)), int(replaced.group(1))
    if replaced:
        delegated, nodes = map(int, replaced.groups())
        return nodes, delegated, 1 if delegated == nodes else None
    if case.delegate == "gpu" and split:
        delegated = int(split.group(1))
        return delegated + int(split.group(2)), delegated, None
    return operations, None, None
