"""`psfr export FORMAT`: a model as files that other programs run.

A format is a module `psfr_tf.cli.export_NAME` with the parts of a command (see `psfr_tf.cli.main`).
"""

import argparse
import importlib

FORMATS = ("litert", "saved-model")

SUMMARY = "Write a model as files that run outside this project."
EXAMPLE = "psfr export litert --weights psfr-mobile-256 --precision int8-dynamic --output out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    formats = parser.add_subparsers(title="formats", metavar="FORMAT", required=True)
    for name in FORMATS:
        module = importlib.import_module(f"psfr_tf.cli.export_{name.replace('-', '_')}")
        command = formats.add_parser(
            name,
            help=module.SUMMARY,
            description=module.SUMMARY,
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run, usage_error=command.error)


def run(args: argparse.Namespace) -> int:
    # Never reached: a format is required and sets its own `run`.
    raise NotImplementedError
