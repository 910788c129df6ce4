"""`psfr figure scales`: Figure 6 of the paper, which scale of the input adds what."""

import argparse
import functools

from psfr_tf.cli.figure import add_face_arguments, load, measure

SUMMARY = "Figure 6: which scale of LQ and parsing map adds what to the restored face."
EXAMPLE = "psfr figure scales --weights psfr-mobile-256 --data faces --split test --output out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_face_arguments(parser)


def run(args: argparse.Namespace) -> int:
    restorer, faces = load(args)
    from psfr_tf.evaluation.scale_study import ScaledInputs, scale_variants
    from psfr_tf.evaluation.study_figures import write_scale_figure

    generator = ScaledInputs(restorer.generator, restorer.parsing_network)
    draw = functools.partial(write_scale_figure, sizes=generator.sizes)
    title = f"Inputs of {args.weights} by scale"
    return measure(args, faces, scale_variants(generator), draw, title)
