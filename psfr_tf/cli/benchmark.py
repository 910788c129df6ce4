"""`psfr benchmark WHAT ...`: measurements of speed, one module `benchmark_WHAT` each."""

import argparse
import importlib

SUMMARY = "Measure speed and describe the machine it was measured on."
EXAMPLE = "psfr benchmark data --output speed"

KINDS = ("data", "train")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(title="what to measure", metavar="WHAT", required=True)
    for name in KINDS:
        module = importlib.import_module(f"psfr_tf.cli.benchmark_{name}")
        kind = kinds.add_parser(
            name,
            help=module.SUMMARY,
            description=module.SUMMARY,
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(kind)
        kind.set_defaults(run_benchmark=module.run, usage_error=kind.error)


def run(args: argparse.Namespace) -> int:
    return args.run_benchmark(args)
