"""`psfr export onnx`: files for ONNX Runtime and what else reads ONNX."""

import argparse

from psfr_tf.cli.exporting import add_export_arguments, run_export

SUMMARY = "Write ONNX files (opset 18, float32, any batch) and measure each against the model."
EXAMPLE = "psfr export onnx --weights psfr-mobile-256 --output out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_export_arguments(
        parser, "{restorer,parsing,generator}_float32.onnx", "to verify the files (16 faces)"
    )


def run(args: argparse.Namespace) -> int:
    return run_export(args, "OnnxFormat", ["float32"])
