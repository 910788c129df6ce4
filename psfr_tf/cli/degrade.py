"""`psfr degrade`: a reproducible set of low-quality faces."""

import argparse
import csv
import sys
from pathlib import Path

from psfr_tf.cli.inputs import make_folder, whole
from psfr_tf.errors import UserError

SUMMARY = "Make low-quality versions of sharp aligned faces, the same ones for the same seed."
EXAMPLE = "psfr degrade faces/images --output lq --seed 0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "faces",
        metavar="DIR",
        type=Path,
        help="folder of square aligned faces (its subfolders are not searched)",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="writes DIR/lq/NAME.png, DIR/hq/NAME.png (the original at the same size), "
        "DIR/manifest.csv and DIR/report.json",
    )
    parser.add_argument(
        "--seed",
        required=True,
        type=whole(0, 2**31 - 1),
        metavar="N",
        help="with the place of a face in the sorted folder it decides every draw",
    )
    parser.add_argument(
        "--form",
        choices=("paper", "release"),
        default="paper",
        help="degradation of the paper or of the authors' code (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=whole(32, 512),
        default=512,
        metavar="PX",
        help="side of the faces written, 32 to 512 (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    make_folder(args.output)
    for folder in ("lq", "hq"):
        make_folder(args.output / folder)
        if (args.output / folder).resolve() == args.faces.resolve():
            raise UserError(
                f"{args.output / folder}: the results would replace the faces; "
                "choose another --output"
            )
    import psfr_tf
    from psfr_tf.evaluation.degraded import DegradedFaces
    from psfr_tf.files import write_json

    faces = DegradedFaces(args.faces, args.size, args.seed, args.form)
    try:
        done, problems = _degrade_all(faces, args)
        report = {
            "command": "degrade",
            "version": psfr_tf.__version__,
            "faces": str(args.faces),
            "form": args.form,
            "seed": args.seed,
            "size": args.size,
            "counts": {"degraded": done, "failed": len(problems)},
            "problems": problems,
        }
        write_json(args.output / "report.json", report)
    except OSError as error:
        where = error.filename or args.output
        raise UserError(f"{where}: cannot write ({error.strerror or error})") from error
    print(f"{done} degraded, {len(problems)} failed: {args.output}")
    return 1 if problems else 0


def _degrade_all(faces, args: argparse.Namespace) -> tuple[int, list[str]]:
    """Writes every pair and the manifest; returns their number and the lines of what failed."""
    from tqdm import tqdm

    from psfr_tf.files import atomic_path, write_png

    done, problems = 0, []

    def leave_out(problem: str) -> None:
        problems.append(problem)
        tqdm.write(f"psfr: error: {problem}", file=sys.stderr)

    for problem in faces.problems:
        leave_out(problem)
    with (
        atomic_path(args.output / "manifest.csv") as manifest,
        open(manifest, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["name", "source_file", "form", "seed", "index", "size"])
        for index in tqdm(range(len(faces.names)), unit="face", disable=None):
            try:
                lq, hq = faces.load(index)
            except UserError as error:
                leave_out(str(error))
                continue
            name = f"{faces.names[index]}.png"
            write_png(args.output / "lq" / name, lq)
            write_png(args.output / "hq" / name, hq)
            row = [faces.names[index], faces.path(index).name, args.form, args.seed, index]
            writer.writerow([*row, args.size])
            done += 1
    return done, problems
