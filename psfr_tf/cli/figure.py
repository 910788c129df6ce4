"""`psfr figure WHICH`: figures of the paper for any model."""

import argparse
import functools
import sys
from typing import cast

from psfr_tf.cli.arguments import add_fidelity, add_output, add_path, add_weights, add_whole, whole
from psfr_tf.cli.output_folder import make_folder
from psfr_tf.data.forms import FORMS
from psfr_tf.errors import UserError, writing

SUMMARY = "Draw figures of the paper for any model, with their numbers."
EXAMPLE = "psfr figure scales --weights psfr-mobile-256 --data faces --split test --output out"
# Keys of psfr_tf.metrics.choice.NAMES; identity and FID would say little here.
METRICS = ("psnr", "ssim", "ms_ssim", "lpips_alex", "lpips_vgg", "landmark_distance")
DEFAULT_METRICS = ("psnr", "ssim", "ms_ssim", "lpips_alex")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "which",
        choices=("scales", "factors"),
        help="scales: Figure 6, which scale of LQ and parsing map adds what; factors: Figure 7, "
        "the restored face against the up-scaling factor",
    )
    add_weights(parser)
    add_fidelity(parser)
    faces = "aligned square faces in DIR/images (or in DIR itself)"
    add_path(parser, "--data", "DIR", faces, required=True)
    parser.add_argument("--split", metavar="NAME", help="only faces of this split (default: all)")
    columns = "with --split: file with the columns name and split (default: DATA/manifest.csv)"
    add_path(parser, "--manifest", "CSV", columns)
    add_whole(parser, "--seed", (0, 2**31 - 1), "seed of the degradation", 0)
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
    networks = "folder of the networks of metrics (default: ~/.cache/psfr_tf/metrics)"
    add_path(parser, "--metric-files", "DIR", networks)
    add_whole(parser, "--shown", (1, 20), "faces in the picture, evenly spaced", 3)
    add_output(parser, "DIR/figure.png, report.json, table.md, per_image.csv and index.html")
    parser.add_argument(
        "--factors",
        nargs="+",
        type=whole(2, 32),
        metavar="N",
        help="with factors: how many times the face is reduced (default: 2 4 8 16)",
    )


def run(args: argparse.Namespace) -> int:
    if args.manifest and not args.split:
        args.usage_error("--manifest needs --split")
    if args.factors and args.which != "factors":
        args.usage_error("--factors goes with `psfr figure factors`")
    make_folder(args.output)
    from psfr_tf.evaluation import evaluate
    from psfr_tf.evaluation.contact_sheet import evenly_spaced
    from psfr_tf.evaluation.degraded import DegradedFaces
    from psfr_tf.evaluation.plan import Plan, prepare
    from psfr_tf.evaluation.studies import (
        ScaledInputs,
        factor_variants,
        scale_variants,
        write_factor_figure,
        write_scale_figure,
    )
    from psfr_tf.evaluation.systems import ComparedFaces, Model
    from psfr_tf.metrics import network_files
    from psfr_tf.metrics.choice import choose

    choice = choose(args.metrics, args.metric_files or network_files.default_folder())
    for name, why in choice.left_out.items():
        print(f"psfr: {name} is skipped: {why}", file=sys.stderr)
    if not choice.metrics:
        raise UserError("no metric can be computed: " + " ".join(choice.left_out.values()))
    data = {"faces": args.data, "manifest": args.manifest}
    data = {name: path and str(path) for name, path in data.items()}
    data |= {"split": args.split, "seed": args.seed, "degradation": args.degradation}
    column = {"name": "restored", "weights": args.weights, "fidelity": args.fidelity}
    (prepared,) = prepare(Plan.model_validate({"data": data, "systems": [column]}))
    faces, (system,) = cast(DegradedFaces, prepared.faces), prepared.source.systems.values()
    model = cast(Model, system)
    if args.which == "scales":
        generator = ScaledInputs(model.restorer.generator, model.restorer.parsing_network)
        systems = scale_variants(generator)
        draw = functools.partial(write_scale_figure, sizes=generator.sizes)
        title = f"Inputs of {args.weights} by scale"
    else:
        factors = sorted(set(args.factors or (2, 4, 8, 16)))
        systems = factor_variants(faces, args.degradation, model, factors)
        draw = functools.partial(write_factor_figure, factors=factors)
        title = f"{args.weights} by up-scaling factor"
    source = ComparedFaces(faces, systems)
    with writing(args.output):
        report = evaluate(source, choice, args.output, {**prepared.settings, "title": title})
        shown = map(source.load, evenly_spaced(len(faces.names), args.shown))
        draw(args.output / "figure.png", report, list(shown))
    print((args.output / "table.md").read_text(encoding="utf-8"))
    print(args.output / "figure.png")
    return 1 if report["problems"] else 0
