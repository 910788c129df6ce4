"""`psfr benchmark WHAT`: measurements of speed, one module `benchmark_WHAT` each."""

import argparse

from psfr_tf.cli.commands import add_commands

KINDS = ("android", "local", "compare", "report", "serving", "train")

SUMMARY = "Measure speed and describe the machine it was measured on."
EXAMPLE = "psfr benchmark local --model restorer_float32.tflite --output speed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_commands(parser, KINDS, "psfr_tf.cli.benchmark_", title="what to measure", metavar="WHAT")
