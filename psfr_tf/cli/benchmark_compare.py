"""`psfr benchmark compare`: did a model, a runtime or a device get slower?"""

import argparse

from psfr_tf.cli.arguments import add_path, percent
from psfr_tf.cli.output_folder import make_folder
from psfr_tf.cli.reporting import say, write_report

SUMMARY = "Compare two results; fails on a regression, for use in CI."
EXAMPLE = "psfr benchmark compare before/results.json after/results.json --threshold 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser, "before", "A", "results.json, or its folder")
    add_path(parser, "after", "B", "results.json, or its folder")
    parser.add_argument(
        "--threshold",
        type=percent,
        default=0.05,
        metavar="PERCENT",
        help="latency or peak memory that grows by more is a regression, unless noise explains it "
        "(default: 5)",
    )
    writes = "also writes DIR/report.json, report.md and report.html with both results"
    add_path(parser, "--output", "DIR", writes)


def run(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from psfr_tf.android_bench.compare import compare, table, warnings
    from psfr_tf.android_bench.report import write_reports
    from psfr_tf.android_bench.results import load
    from psfr_tf.errors import UserError

    before, after = load(args.before), load(args.after)
    notes = warnings(before, after)
    for note in notes:
        say(f"warning: {note}")
    differences = compare(before, after, args.threshold)
    print(table(differences))
    if all(each.verdict in ("missing", "not valid") for each in differences):
        raise UserError(f"{args.before} and {args.after} have no valid case in common")
    regressions = [line for each in differences for line in each.regressions]
    if args.output:
        make_folder(args.output)
        write_reports([before, after], args.output)
        write_report(
            args.output,
            "benchmark compare",
            before=str(args.before),
            after=str(args.after),
            threshold=args.threshold,
            warnings=notes,
            differences=[asdict(each) for each in differences],
            regressions=regressions,
        )
    for line in regressions:
        say(f"regression: {line}")
    return 1 if regressions else 0
