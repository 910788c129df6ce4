"""`psfr export litert`: files for phones and other machines without TensorFlow."""

import argparse

from psfr_tf.cli.arguments import add_fidelity, add_output, add_path, add_weights, names_of
from psfr_tf.cli.output_folder import make_folder
from psfr_tf.cli.reporting import fault, say

SUMMARY = "Write LiteRT files and measure how far each is from the float model."
EXAMPLE = (
    "psfr export litert --weights psfr-mobile-256 --precision float32,int8-dynamic --output out"
)

# The keys of psfr_tf.export.variants.VARIANTS: psfr_tf.export loads numpy.
PRECISIONS = ("float32", "float16", "int8-dynamic", "int8-weights", "int8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_weights(parser)
    add_fidelity(parser)
    parser.add_argument(
        "--precision",
        type=names_of(PRECISIONS),
        default=["float32", "int8-dynamic"],
        metavar="P,P,...",
        help=f"of {', '.join(PRECISIONS)} (default: float32,int8-dynamic); int8-weights and int8 "
        "need ai-edge-quantizer: pip install 'psfr_tf[quantizer]'",
    )
    add_path(
        parser,
        "--data",
        "DIR",
        "aligned square faces in DIR/images (or in DIR itself), degraded to verify the files "
        "(16 faces) and to calibrate int8 (16 others); default: drawn faces",
    )
    add_output(
        parser,
        "DIR/{restorer,parsing,generator}_PRECISION.tflite, report.json, table.md and chart.png; "
        "files worse than stated go to DIR/rejected and the command fails",
    )
    parser.add_argument(
        "--allow-degraded", action="store_true", help="keep files worse than stated, with a warning"
    )
    parser.add_argument(
        "--no-gpu",
        dest="gpu",
        action="store_false",
        help="do not run the files on LiteRT's GPU accelerator as well (done where a Vulkan driver "
        "is found, Chromium's SwiftShader included, which takes up to a minute a file)",
    )
    parser.add_argument(
        "--licence",
        metavar="TEXT",
        help="licence of the weights, written into the files (default: that of the shipped "
        "weights, or the model folder's own)",
    )


def run(args: argparse.Namespace) -> int:
    make_folder(args.output)

    from psfr_tf.export.litert_export import export_litert

    report = export_litert(
        args.weights,
        args.output,
        args.precision,
        data=args.data,
        allow_degraded=args.allow_degraded,
        licence=args.licence,
        fidelity=args.fidelity,
        gpu=args.gpu,
        log=say,
    )
    print((args.output / "table.md").read_text(encoding="utf-8"))
    print(args.output / "report.json")
    if report["failed"]:
        fault(
            f"{', '.join(report['failed'])}: worse than stated, kept in "
            f"{args.output / 'rejected'}; use --allow-degraded to accept them"
        )
        return 1
    return 0
