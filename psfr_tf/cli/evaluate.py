"""`psfr evaluate`: measures a model, or pictures restored by any method."""

import argparse
from pathlib import Path

from psfr_tf.cli.inputs import make_folder, whole
from psfr_tf.errors import UserError

SUMMARY = "Measure how well a model, or any other method, restored faces."
EXAMPLE = (
    "psfr evaluate --weights psfr-mobile-256 --data faces --split test --output out\n"
    "  psfr evaluate --restored theirs --reference faces/images --output out"
)

# The keys of psfr_tf.metrics.FULL_REFERENCE_METRICS, which is slow to import.
METRICS = ("psnr", "ssim", "ms_ssim", "landmark_distance")
DEFAULT_SEED = 0
DEFAULT_FORM = "paper"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--weights",
        metavar="NAME|DIR",
        help="shipped weights or a model folder: degrade the faces of --data, restore them with "
        "this model and compare input and result with the original",
    )
    what.add_argument(
        "--restored",
        type=Path,
        metavar="DIR",
        help="pictures to compare with those of the same name in --reference",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="with --weights: aligned square faces in DIR/images (or in DIR itself); label maps "
        "DIR/masks/NAME.png are used if the folder is there",
    )
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="with --weights: only faces of this split, for example test (default: all faces)",
    )
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="CSV",
        help="with --split: file with the columns name and split (default: DATA/manifest.csv)",
    )
    parser.add_argument(
        "--seed",
        type=whole(0, 2**31 - 1),
        metavar="N",
        help=f"with --weights: seed of the degradation (default: {DEFAULT_SEED})",
    )
    parser.add_argument(
        "--degradation",
        choices=("paper", "release"),
        help=f"with --weights: form of the degradation (default: {DEFAULT_FORM})",
    )
    parser.add_argument(
        "--reference", type=Path, metavar="DIR", help="with --restored: the original pictures"
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        choices=METRICS,
        default=METRICS,
        metavar="METRIC",
        help=f"which of {', '.join(METRICS)} (default: all)",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="writes DIR/report.json, table.md, per_image.csv and contact_sheet.png",
    )
    parser.add_argument(
        "--save-images",
        action="store_true",
        help="with --weights: also write DIR/restored/NAME.png",
    )


def run(args: argparse.Namespace) -> int:
    _check_usage(args)
    make_folder(args.output)

    from psfr_tf.evaluation import evaluate
    from psfr_tf.metrics import FULL_REFERENCE_METRICS

    source, settings = _model(args) if args.weights else _folders(args)
    metrics = [FULL_REFERENCE_METRICS[name]() for name in dict.fromkeys(args.metrics)]
    try:
        report = evaluate(source, metrics, args.output, settings, args.save_images)
    except OSError as error:
        where = error.filename or args.output
        raise UserError(f"{where}: cannot write ({error.strerror or error})") from error
    print((args.output / "table.md").read_text(encoding="utf-8"))
    print(args.output / "report.json")
    return 1 if report["problems"] else 0


def _check_usage(args: argparse.Namespace) -> None:
    of_model = ("data", "split", "manifest", "seed", "degradation", "save_images")
    if args.weights:
        if args.data is None:
            args.usage_error("--weights needs --data")
        if args.reference:
            args.usage_error("--reference does not go with --weights")
        if args.manifest and not args.split:
            args.usage_error("--manifest needs --split")
    else:
        if args.reference is None:
            args.usage_error("--restored needs --reference")
        for name in of_model:
            if getattr(args, name) is not None and getattr(args, name) is not False:
                args.usage_error(f"--{name.replace('_', '-')} does not go with --restored")


def _model(args: argparse.Namespace):
    """Samples and settings of `--weights`."""
    from psfr_tf.evaluation.degraded import RestoredFaces
    from psfr_tf.restorer import FaceRestorer

    if not args.data.is_dir():
        raise UserError(f"{args.data}: no such folder; --data needs a folder of faces")
    seed = DEFAULT_SEED if args.seed is None else args.seed
    form = args.degradation or DEFAULT_FORM
    restorer = FaceRestorer.from_pretrained(args.weights, engine="tensorflow")
    source = RestoredFaces(restorer, args.data, seed, form, args.split, args.manifest)
    settings = {
        "weights": str(args.weights),
        "data": str(args.data),
        "split": args.split or "all",
        "degradation": form,
        "seed": seed,
        "size": restorer.size,
        "engine": restorer.engine.name,
    }
    return source, settings


def _folders(args: argparse.Namespace):
    """Samples and settings of `--restored`."""
    from psfr_tf.evaluation.folders import RestoredFolder

    source = RestoredFolder(args.restored, args.reference)
    return source, {"restored": str(args.restored), "reference": str(args.reference)}
