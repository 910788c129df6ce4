"""`psfr export litert`: files for phones and other machines without TensorFlow."""

import argparse

from psfr_tf.cli.arguments import names_of
from psfr_tf.cli.exporting import add_export_arguments, run_export

SUMMARY = "Write LiteRT files and measure how far each is from the float model."
EXAMPLE = (
    "psfr export litert --weights psfr-mobile-256 --precision float32,int8-dynamic --output out"
)

# The keys of psfr_tf.export.variants.VARIANTS: psfr_tf.export loads numpy.
PRECISIONS = ("float32", "float16", "int8-dynamic", "int8-weights", "int8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--precision",
        type=names_of(PRECISIONS),
        default=["float32", "float16", "int8-dynamic"],
        metavar="P,P,...",
        help=f"of {', '.join(PRECISIONS)} (default: float32,float16,int8-dynamic); int8-weights "
        "and int8 need litert-quantizer: pip install 'psfr_tf[quantizer]'",
    )
    add_export_arguments(
        parser,
        "{restorer,parsing,generator}_PRECISION.tflite",
        "to verify the files (16 faces) and to calibrate int8 (16 others)",
    )
    parser.add_argument(
        "--no-gpu",
        dest="gpu",
        action="store_false",
        help="do not run the files on LiteRT's GPU accelerator as well (done where a Vulkan driver "
        "is found, Chromium's SwiftShader included, which takes up to a minute a file)",
    )


def run(args: argparse.Namespace) -> int:
    return run_export(args, "LiteRTFormat", args.precision, gpu=args.gpu)
