"""`psfr benchmark report`: redraws the report of a finished benchmark."""

import argparse

from psfr_tf.cli.arguments import add_path

SUMMARY = "Redraw the report from results.json, without measuring."
EXAMPLE = "psfr benchmark report bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    writes = "folder with results.json; writes report.html, report.md and charts/ there"
    add_path(parser, "folder", "DIR", writes)


def run(args: argparse.Namespace) -> int:
    from psfr_tf.android_bench.report import write_reports
    from psfr_tf.android_bench.results import load
    from psfr_tf.errors import UserError

    if not args.folder.is_dir():
        raise UserError(f"{args.folder}: no such folder; give the folder of results.json")
    results = load(args.folder)
    for path in write_reports([results], args.folder):
        print(path)
    return 0
