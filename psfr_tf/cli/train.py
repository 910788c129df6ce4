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
    parser.add_argument("--config", required=True, metavar="FILE", help="YAML file, see configs/")
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
        "is resumed",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the resolved config, the parameter counts and the length of the run, then stop",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from psfr_tf.config import load_config

    config = load_config(args.config, args.overrides)
    output = Path(args.output or config.output or Path("runs") / Path(args.config).stem)

    from psfr_tf.training import run as training_run
    from psfr_tf.training.callbacks import RunInterrupted
    from psfr_tf.training.distribution import is_chief

    if args.dry_run:
        text, problems = training_run.dry_run(config)
        print(text)
        for problem in problems:
            fault(problem)
        return 1 if problems else 0
    if is_chief() and config.data.images:
        _say_skipped(Path(config.data.images))
    try:
        weights = training_run.train(config, output)
    except RunInterrupted as interrupted:
        print(f"psfr train: {interrupted}; run the same command again to continue")
        _report(output, finished=False)
        return 1
    if is_chief():
        print(f"weights: {weights}")
    _report(output, finished=True)
    return 0


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
