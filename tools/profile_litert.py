"""Where the time of a LiteRT file goes on a CPU, by XNNPACK's own profiler.

    python tools/profile_litert.py psfr_tf/weights/psfr-mobile-256/restorer_int8-dynamic.tflite

prints the share of each kind of operation, and with `--operations` every operation in the order of
the graph as LiteRT's summary lists them. Only LiteRT's C interface has the profiler, so the library
of the package ai-edge-litert is called directly.
"""

import argparse
import ctypes
import os
import re
from pathlib import Path

import numpy as np

from psfr_tf.machine import available_cores

_CPU = 1  # kLiteRtHwAcceleratorCpu
_WRITE = 1  # kLiteRtTensorBufferLockModeWrite
_TYPE_BYTES = 512  # more than a LiteRtRankedTensorType has
_KIND = re.compile(
    r"^ *(?P<kind>\S.*?) +(?P<count>\d+) +(?P<ms>[\d.]+) +(?P<share>[\d.]+)% +[\d.]+% +[\d.]+ +\d+$"
)


class _LiteRT:
    """LiteRT's C interface: a function that does not return 0 raises."""

    def __init__(self) -> None:
        import ai_edge_litert

        library = Path(ai_edge_litert.__file__).parent / "libLiteRt.so"
        if not library.is_file():
            raise SystemExit(
                f"{library}: not there; ai-edge-litert 2.2 or newer on Linux is needed"
            )
        self._library = ctypes.CDLL(os.fspath(library))

    def __getattr__(self, name: str):
        function = getattr(self._library, f"LiteRt{name}")

        def call(*args):
            if status := function(*args):
                raise SystemExit(f"LiteRt{name} failed with status {status}")

        return call

    def made(self, name: str, *args) -> ctypes.c_void_p:
        """What a function puts behind its last argument."""
        handle = ctypes.c_void_p()
        getattr(self, name)(*args, ctypes.byref(handle))
        return handle


def profile(path: str | os.PathLike, threads: int, runs: int) -> str:
    """LiteRT's summary of `runs` runs on noise, after one to warm up."""
    lib = _LiteRT()
    environment = lib.made("CreateEnvironment", 0, None)
    model = lib.made("CreateModelFromFile", environment, os.fspath(path).encode())
    options = lib.made("CreateOptions")
    lib.SetOptionsHardwareAccelerators(options, _CPU)
    # LiteRT frees what it is given by this function; these strings are Python's.
    keep = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
    texts = {
        "runtime_options_string": "enable_profiling = true\n",
        "xnnpack": f"num_threads = {threads}\n",
    }
    payloads = {name: ctypes.create_string_buffer(text.encode()) for name, text in texts.items()}
    for name, payload in payloads.items():
        lib.AddOpaqueOptions(options, lib.made("CreateOpaqueOptions", name.encode(), payload, keep))
    compiled = lib.made("CreateCompiledModel", environment, model, options)
    graph = lib.made("GetModelSubgraph", model, ctypes.c_size_t(0))
    inputs = _buffers(lib, "Input", environment, compiled, graph)
    outputs = _buffers(lib, "Output", environment, compiled, graph)
    for buffer in inputs:
        _fill(lib, buffer)
    run = [compiled, ctypes.c_size_t(0)]
    for buffers in (inputs, outputs):
        run += [ctypes.c_size_t(len(buffers)), (ctypes.c_void_p * len(buffers))(*buffers)]
    profiler = lib.made("CompiledModelGetProfiler", compiled)
    lib.RunCompiledModel(*run)
    lib.StartProfiler(profiler)
    for _ in range(runs):
        lib.RunCompiledModel(*run)
    lib.StopProfiler(profiler)
    summary = ctypes.c_char_p()
    lib.GetProfileSummary(profiler, compiled, ctypes.byref(summary))
    return (summary.value or b"").decode()


def _buffers(lib: _LiteRT, kind: str, environment, compiled, graph) -> list[int | None]:
    """Buffers of all inputs or outputs."""
    number = ctypes.c_size_t()
    getattr(lib, f"GetNumSubgraph{kind}s")(graph, ctypes.byref(number))
    buffers = []
    for index in map(ctypes.c_size_t, range(number.value)):
        tensor = lib.made(f"GetSubgraph{kind}", graph, index)
        described = ctypes.create_string_buffer(_TYPE_BYTES)
        lib.GetRankedTensorType(tensor, described)
        signature = ctypes.c_size_t(0)
        needs = lib.made(f"GetCompiledModel{kind}BufferRequirements", compiled, signature, index)
        buffer = lib.made(
            "CreateManagedTensorBufferFromRequirements", environment, described, needs
        )
        buffers.append(buffer.value)
    return buffers


def _fill(lib: _LiteRT, buffer: int | None) -> None:
    """Noise: the same values would be quantized and multiplied at the same speed."""
    size = ctypes.c_size_t()
    lib.GetTensorBufferPackedSize(ctypes.c_void_p(buffer), ctypes.byref(size))
    memory = ctypes.c_void_p()
    lib.LockTensorBuffer(ctypes.c_void_p(buffer), ctypes.byref(memory), _WRITE)
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, size.value // 4).astype(np.float32)
    ctypes.memmove(memory, noise.ctypes.data, noise.nbytes)
    lib.UnlockTensorBuffer(ctypes.c_void_p(buffer))


def by_kind(summary: str) -> list[tuple[str, int, float]]:
    """(kind of operation, how many, share of the time in %), the largest share first."""
    _, _, section = summary.partition("Summary by node type")
    found = map(_KIND.match, section.splitlines())
    return [
        (row["kind"].removeprefix("Delegate/"), int(row["count"]), float(row["share"]))
        for row in found
        if row
    ]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="LiteRT file, float inputs")
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="default: 20")
    parser.add_argument("--operations", action="store_true", help="print LiteRT's whole summary")
    args = parser.parse_args(argv)
    if not args.file.is_file():
        parser.error(f"{args.file}: no such file")
    summary = profile(args.file, args.threads or available_cores(), args.runs)
    if args.operations:
        print(summary)
        return
    print("| operations | number | % of the time |\n| --- | --- | --- |")
    for kind, count, share in by_kind(summary):
        if share >= 0.1:
            print(f"| {kind} | {count} | {share:.1f} |")


if __name__ == "__main__":
    main()
