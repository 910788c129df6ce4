"""`psfr export litert`: files for phones and other machines without TensorFlow."""

import argparse
from pathlib import Path

from psfr_tf.cli.inputs import add_fidelity, make_folder

SUMMARY = "Write LiteRT files and measure how far each is from the float model."
EXAMPLE = (
    "psfr export litert --weights psfr-mobile-256 --precision float32,int8-dynamic --output out"
)

# The keys of psfr_tf.export.variants.VARIANTS: psfr_tf.export loads numpy.
PRECISIONS = ("float32", "float16", "int8-dynamic", "int8-weights", "int8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights", required=True, metavar="NAME|DIR", help="shipped weights or a model folder"
    )
    add_fidelity(parser)
    parser.add_argument(
        "--precision",
        type=_precisions,
        default=["float32", "int8-dynamic"],
        metavar="P,P,...",
        help=f"of {', '.join(PRECISIONS)} (default: float32,int8-dynamic); int8-weights and int8 "
        "need ai-edge-quantizer: pip install 'psfr_tf[quantizer]'",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="aligned square faces in DIR/images (or in DIR itself), degraded to verify the files "
        "(16 faces) and to calibrate int8 (16 others); default: drawn faces",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="writes DIR/{restorer,parsing,generator}_PRECISION.tflite, report.json, table.md and "
        "chart.png; files worse than stated go to DIR/rejected and the command fails",
    )
    parser.add_argument(
        "--allow-degraded", action="store_true", help="keep files worse than stated, with a warning"
    )
    parser.add_argument(
        "--licence",
        metavar="TEXT",
        help="licence of the weights, written into the files (default: that of the shipped "
        "weights, or the model folder's own)",
    )


def run(args: argparse.Namespace) -> int:
    make_folder(args.output)

    import sys

    from psfr_tf.export.litert_export import export_litert

    report = export_litert(
        args.weights,
        args.output,
        args.precision,
        data=args.data,
        allow_degraded=args.allow_degraded,
        licence=args.licence,
        fidelity=args.fidelity,
        log=lambda line: print(f"psfr: {line}", file=sys.stderr),
    )
    print((args.output / "table.md").read_text(encoding="utf-8"))
    print(args.output / "report.json")
    if report["failed"]:
        print(
            f"psfr: error: {', '.join(report['failed'])}: worse than stated, kept in "
            f"{args.output / 'rejected'}; --allow-degraded accepts them",
            file=sys.stderr,
        )
        return 1
    return 0


def _precisions(text: str) -> list[str]:
    """argparse type: names separated by commas, each once."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in PRECISIONS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) or 'nothing'!r} is not one of {', '.join(PRECISIONS)}"
        )
    return names
