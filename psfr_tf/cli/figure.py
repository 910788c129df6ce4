"""`psfr figure WHICH`: figures of the paper for any model, one module `figure_WHICH` each."""

import argparse
from pathlib import Path

from psfr_tf.cli.arguments import add_fidelity, whole
from psfr_tf.cli.commands import add_commands
from psfr_tf.cli.output_folder import make_folder
from psfr_tf.data.forms import FORMS
from psfr_tf.errors import UserError, writing

KINDS = ("scales", "factors")

SUMMARY = "Draw figures of the paper for any model, with their numbers."
EXAMPLE = "psfr figure scales --weights psfr-mobile-256 --data faces --split test --output out"
# Keys of psfr_tf.metrics.choice.NAMES; identity and FID would say little here.
METRICS = ("psnr", "ssim", "ms_ssim", "lpips_alex", "lpips_vgg", "landmark_distance")
DEFAULT_METRICS = ("psnr", "ssim", "ms_ssim", "lpips_alex")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_commands(parser, KINDS, "psfr_tf.cli.figure_", title="which figure", metavar="WHICH")


def add_face_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that every figure has."""
    parser.add_argument(
        "--weights", required=True, metavar="NAME|DIR", help="shipped weights or a model folder"
    )
    add_fidelity(parser)
    parser.add_argument(
        "--data",
        required=True,
        type=Path,
        metavar="DIR",
        help="aligned square faces in DIR/images (or in DIR itself)",
    )
    parser.add_argument("--split", metavar="NAME", help="only faces of this split (default: all)")
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="CSV",
        help="with --split: file with the columns name and split (default: DATA/manifest.csv)",
    )
    parser.add_argument(
        "--seed",
        type=whole(0, 2**31 - 1),
        default=0,
        metavar="N",
        help="seed of the degradation (default: %(default)s)",
    )
    parser.add_argument(
        "--degradation",
        choices=FORMS,
        default="paper",
        help="form of the degradation (default: %(default)s)",
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        choices=METRICS,
        default=DEFAULT_METRICS,
        metavar="METRIC",
        help=f"which of {', '.join(METRICS)} (default: {' '.join(DEFAULT_METRICS)}, as far as "
        "their files are there)",
    )
    parser.add_argument(
        "--metric-files",
        type=Path,
        metavar="DIR",
        help="folder of the networks of metrics (default: ~/.cache/psfr_tf/metrics)",
    )
    parser.add_argument(
        "--shown",
        type=whole(1, 20),
        default=3,
        metavar="N",
        help="faces in the picture, evenly spaced (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="writes DIR/figure.png, report.json, table.md, per_image.csv and index.html",
    )


def load(args: argparse.Namespace):
    """The restorer and the degraded faces that the options name."""
    from psfr_tf.data.face_folder import read_split
    from psfr_tf.evaluation.degraded import DegradedFaces
    from psfr_tf.restorer import FaceRestorer

    if args.manifest and not args.split:
        args.usage_error("--manifest needs --split")
    make_folder(args.output)
    if not args.data.is_dir():
        raise UserError(f"{args.data}: no such folder; --data needs a folder of faces")
    images = args.data / "images" if (args.data / "images").is_dir() else args.data
    names = None
    if args.split:
        names = read_split(args.manifest or args.data / "manifest.csv", args.split)
    restorer = FaceRestorer.from_pretrained(args.weights, "tensorflow", args.fidelity)
    return restorer, DegradedFaces(images, restorer.size, args.seed, args.degradation, names)


def measure(args: argparse.Namespace, faces, systems, draw, title: str) -> int:
    """Evaluate the systems, then `draw(path, report, source, shown)`; returns the exit code."""
    import sys

    from psfr_tf.evaluation import evaluate
    from psfr_tf.evaluation.contact_sheet import evenly_spaced
    from psfr_tf.evaluation.systems import ComparedFaces
    from psfr_tf.metrics import network_files
    from psfr_tf.metrics.choice import choose

    folder = args.metric_files or network_files.default_folder()
    choice = choose(args.metrics, folder, pristine=None)
    for name, why in choice.left_out.items():
        print(f"psfr: {name} is skipped: {why}", file=sys.stderr)
    if not choice.metrics:
        raise UserError("no metric can be computed: " + " ".join(choice.left_out.values()))
    source = ComparedFaces(faces, systems)
    settings = {
        "title": title,
        "weights": str(args.weights),
        "data": str(args.data),
        "split": args.split or "all",
        "seed": args.seed,
        "degradation": args.degradation,
        "size": faces.size,
    }
    with writing(args.output):
        report = evaluate(source, choice, args.output, settings)
        shown = evenly_spaced(len(faces.names), args.shown)
        draw(args.output / "figure.png", report, source, shown)
    print((args.output / "table.md").read_text(encoding="utf-8"))
    print(args.output / "figure.png")
    return 1 if report["problems"] else 0
