"""`psfr benchmark local`: LiteRT files on this machine."""

import argparse

from psfr_tf.cli.benchmarking import add_plan_arguments, run_benchmark
from psfr_tf.machine import available_cores

SUMMARY = "Latency, memory and accuracy of LiteRT and ONNX files on this machine."
EXAMPLE = "psfr benchmark local --model out/restorer_*.tflite --output bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    threads = list(dict.fromkeys((1, available_cores())))
    # A Vulkan driver in software may take a minute for each run.
    add_plan_arguments(parser, ("xnnpack", "cpu", "onnxruntime"), threads, on_request=("gpu",))


def run(args: argparse.Namespace) -> int:
    from psfr_tf.android_bench.local import LocalTarget

    return run_benchmark(args, LocalTarget)
