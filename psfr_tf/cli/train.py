"""`psfr train`: train the face parsing network or PSFR-GAN from a config file."""

import argparse
import contextlib
from pathlib import Path

from psfr_tf.cli.reporting import fault, say_skipped, write_report
from psfr_tf.errors import UserError

SUMMARY = "Train the face parsing network or PSFR-GAN; resumes an interrupted run."
EXAMPLE = "psfr train --config configs/psfr_mobile_256_fpn.yaml --set training.steps=2000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``psfr train``."""
    parser.add_argument(
        "--config",
        required=True,
        nargs="+",
        metavar="FILE",
        help="YAML file, see configs/; several are trained one after the other, and those that are "
        "finished are skipped",
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key of the config, for example training.batch_size=2; repeatable",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        help="run folder (default: output of the config, else runs/CONFIG); a run found there "
        "is resumed; for several configs, the folder of the run folders",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the resolved config, the parameter counts and the length of the run, then stop",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from psfr_tf.config import load_config

    configs = {Path(path): load_config(path, args.overrides) for path in args.config}
    runs = {path: _output(args, path, config) for path, config in configs.items()}
    if len(set(runs.values())) < len(args.config):
        args.usage_error("two configs would write to one run folder; give files of other names")
    worst = 0
    for path, output in runs.items():
        if len(runs) > 1:
            print(f"{path}: {output}", flush=True)
        try:
            code, stopped = _train(args, configs[path], output)
        except UserError as error:
            if len(runs) == 1:
                raise
            fault(f"{path}: {error}")
            code, stopped = 1, False
        worst = max(worst, code)
        if stopped:
            break
    return worst


def _output(args: argparse.Namespace, path: Path, config) -> Path:
    if args.output and len(args.config) > 1:
        return Path(args.output) / path.stem
    return Path(args.output or config.output or Path("runs") / path.stem)


def _train(args: argparse.Namespace, config, output: Path) -> tuple[int, bool]:
    """One run; returns the exit code, and whether a signal stopped it."""
    from psfr_tf.training import run as training_run
    from psfr_tf.training.callbacks import RunInterrupted
    from psfr_tf.training.distribution import is_chief

    if args.dry_run:
        text, problems = training_run.dry_run(config)
        print(text)
        for problem in problems:
            fault(problem)
        return (1 if problems else 0), False
    if is_chief() and config.data.images:
        _say_skipped(Path(config.data.images))
    try:
        weights = training_run.train(config, output)
    except RunInterrupted as interrupted:
        print(f"psfr train: {interrupted}; run the same command again to continue")
        _report(output, finished=False)
        return 1, True
    if is_chief():
        print(f"weights: {weights}")
    _report(output, finished=True)
    return 0, False


def _say_skipped(images: Path) -> None:
    """Name what a folder of faces holds beside the pictures that TensorFlow decodes."""
    from psfr_tf.data.face_folder import IMAGE_SUFFIXES
    from psfr_tf.pictures import pictures_in

    with contextlib.suppress(UserError):  # the run says it
        pictures = pictures_in(images, IMAGE_SUFFIXES, subfolders=True)
        for folder in sorted({path.parent for path in pictures}):
            say_skipped(folder, IMAGE_SUFFIXES)


def _report(output: Path, finished: bool) -> None:
    """Write ``report.json``: whether the run is done, and the last line of its statistics."""
    from psfr_tf.training.distribution import is_chief
    from psfr_tf.training.stats import read_stats

    if not is_chief():
        return

    records = read_stats(output / "stats.jsonl")
    write_report(output, "train", finished=finished, last=records[-1] if records else None)
