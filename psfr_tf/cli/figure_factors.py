"""`psfr figure factors`: Figure 7 of the paper, restoration against the up-scaling factor."""

import argparse
import functools

from psfr_tf.cli.arguments import whole
from psfr_tf.cli.figure import add_face_arguments, load, measure

SUMMARY = "Figure 7: the restored face against the up-scaling factor, x2 to x16."
EXAMPLE = "psfr figure factors --weights psfr-mobile-256 --data faces --split test --output out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_face_arguments(parser)
    parser.add_argument(
        "--factors",
        nargs="+",
        type=whole(2, 32),
        default=(2, 4, 8, 16),
        metavar="N",
        help="how many times the face is reduced (default: 2 4 8 16)",
    )


def run(args: argparse.Namespace) -> int:
    factors = sorted(set(args.factors))
    restorer, faces = load(args)
    from psfr_tf.evaluation.factor_study import factor_variants
    from psfr_tf.evaluation.study_figures import write_factor_figure
    from psfr_tf.evaluation.systems import Model

    systems = factor_variants(faces, args.degradation, Model(restorer), factors)
    draw = functools.partial(write_factor_figure, factors=factors)
    return measure(args, faces, systems, draw, f"{args.weights} by up-scaling factor")
