"""`psfr export FORMAT`: files that other programs run, one module `export_FORMAT` each."""

import argparse

from psfr_tf.cli.commands import add_commands

FORMATS = ("litert", "onnx", "saved-model")

SUMMARY = "Write a model as files that run outside this project."
EXAMPLE = "psfr export litert --weights psfr-mobile-256 --precision int8-dynamic --output out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_commands(parser, FORMATS, "psfr_tf.cli.export_", title="formats", metavar="FORMAT")
