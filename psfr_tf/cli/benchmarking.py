"""Options and steps that `psfr benchmark local` and `psfr benchmark android` share."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from psfr_tf.cli.arguments import add_output, add_path, names_of, wholes
from psfr_tf.cli.output_folder import make_folder
from psfr_tf.cli.reporting import fault, say, write_report
from psfr_tf.errors import UserError
from psfr_tf.output_lock import only_run_in


def add_plan_arguments(
    parser: argparse.ArgumentParser,
    delegates: Sequence[str],
    threads: Sequence[int],
    on_request: Sequence[str] = (),
) -> None:
    """Options that say what to measure.

    Args:
        delegates: the default.
        threads: the default.
        on_request: delegates to choose from besides.
    """
    parser.add_argument(
        "--model",
        nargs="+",
        default=[],
        metavar="FILE|DIR",
        help=".tflite files (local: .onnx too), or folders of them; replace those of the plan",
    )
    add_output(
        parser, "DIR/results.json, report.html, report.md, report.json, charts/ and pictures/"
    )
    add_path(parser, "--plan", "FILE", "YAML plan, such as configs/bench_mobile.yaml")
    parser.add_argument(
        "--delegates",
        type=names_of((*delegates, *on_request)),
        metavar="D,D,...",
        help=f"of {', '.join((*delegates, *on_request))} (default: {','.join(delegates)})",
    )
    parser.add_argument(
        "--threads",
        type=wholes(1, 1024),
        metavar="N,N,...",
        help=f"CPU threads (default: {','.join(map(str, threads))})",
    )
    parser.add_argument(
        "--affinity",
        action="append",
        metavar="CPUS",
        help="CPUs to run on: all, big, little, or numbers such as 4-7; may be repeated "
        "(default: all)",
    )
    parser.add_argument(
        "--sustained",
        type=float,
        metavar="MINUTES",
        help="run each case continuously for this many minutes, to see throttling",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue with the results in the output folder"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the cases and how long they take"
    )
    parser.set_defaults(
        all_delegates=[*delegates, *on_request],
        default_delegates=list(delegates),
        default_threads=list(threads),
    )


def run_benchmark(args: argparse.Namespace, make_target: Callable[[], Any]) -> int:
    """Run the plan that the options describe; returns the exit code.

    Args:
        args: of a parser with `add_plan_arguments`.
        make_target: makes the target of `psfr_tf.android_bench`, once the plan is known to be good;
            may raise UserError.
    """
    from psfr_tf.android_bench.plan import estimate_seconds, expand, find_models

    plan = _plan(args)
    models, problems = find_models(plan.models)
    for problem in problems:
        fault(problem)
    if not models:
        raise UserError("no file to measure; give some with --model")
    cases = expand(plan, models)
    known = [case for case in cases if case.delegate in args.all_delegates]
    if len(known) < len(cases):
        missing = {case.delegate for case in cases} - {case.delegate for case in known}
        say(f"skipped (delegate not available on this target): {', '.join(sorted(missing))}")
    if not known:
        raise UserError("no case in the plan can run on this target")
    minutes = max(1, round(estimate_seconds(known, plan) / 60))
    duration = f"about {minutes} minute{'s'[: minutes != 1]}"
    if args.dry_run:
        for case in known:
            print(case)
        print(
            f"{len(known)} cases, {plan.processes} processes each: {duration}, "
            f"and up to {plan.cool_down.max_seconds:g} s to cool down before each process"
        )
        return 1 if problems else 0
    make_folder(args.output)
    with only_run_in(args.output):
        return _measure(args, plan, known, problems, duration, make_target)


def _measure(args, plan, known, problems, duration, make_target) -> int:
    """Run the cases that are known, and write the reports; returns the exit code."""
    from psfr_tf.android_bench import results as records
    from psfr_tf.android_bench.harness import Benchmark
    from psfr_tf.android_bench.plan import setting
    from psfr_tf.android_bench.report import write_reports
    from psfr_tf.android_bench.report.sections import headlines

    there = (args.output / records.FILE_NAME).exists()
    if there and not args.resume:
        raise UserError(
            f"{args.output / records.FILE_NAME} already exists; use --resume to continue"
        )
    earlier = records.load(args.output) if there else None
    say(f"{len(known)} cases, {duration}")
    results = Benchmark(
        plan, known, make_target(), args.output, earlier, problems=problems, log=say
    ).run()
    paths = write_reports([results], args.output)
    valid = [row for row in results.rows if row.valid]
    for row in results.rows:
        for why in row.reasons:
            say(f"not valid: {row.model}, {setting(row)}: {why}")
    for title, summary in headlines(results).items():
        print(f"{title}, fastest: {summary}")
    write_report(
        args.output,
        f"benchmark {results.target}",
        device=results.device,
        cases=len(results.rows),
        valid=len(valid),
        not_valid=[
            {"model": row.model, "delegate": row.delegate, "threads": row.threads, "why": why}
            for row in results.rows
            for why in row.reasons
        ],
        interrupted=results.interrupted,
        problems=problems,
        files=[records.FILE_NAME, *(path.name for path in paths)],
    )
    print(f"{len(valid)} of {len(results.rows)} rows are valid")
    for path in paths:
        print(path)
    if results.interrupted:
        fault(f"{results.interrupted}; use --resume to continue")
    return 1 if problems or results.interrupted or not valid else 0


def _plan(args: argparse.Namespace):
    from pydantic import ValidationError

    from psfr_tf.android_bench.plan import Matrix, Plan, load_plan

    single = ("delegates", "threads", "affinity", "sustained")
    if args.plan:
        given = [name for name in single if getattr(args, name) is not None]
        if given:
            args.usage_error(f"--plan and --{given[0]} cannot be combined")
        plan = load_plan(args.plan)
        return plan.model_copy(update={"models": args.model}) if args.model else plan
    if not args.model:
        args.usage_error("--model or --plan is needed")
    try:
        matrix = Matrix(
            delegates=args.delegates or args.default_delegates,
            threads=args.threads or args.default_threads,
            affinity=args.affinity or ["all"],
            sustained_minutes=args.sustained or 0.0,
        )
    except ValidationError as error:
        first = error.errors()[0]
        args.usage_error(f"--{str(first['loc'][0]).split('_')[0]}: {first['msg']}")
    return Plan(models=args.model, matrix=[matrix])
