"""Options and steps that `psfr export litert` and `psfr export onnx` share."""

import argparse

from psfr_tf.cli.arguments import add_fidelity, add_output, add_path, add_weights
from psfr_tf.cli.output_folder import make_folder
from psfr_tf.cli.reporting import fault, say

# The keys of psfr_tf.engines.parts.OUTPUTS, which loads TensorFlow.
OUTPUTS = ("image", "image,labels", "all")


def add_export_arguments(parser: argparse.ArgumentParser, files: str, data: str) -> None:
    """Options of both.

    Args:
        files: their names.
        data: what the faces of --data are for.
    """
    add_weights(parser)
    add_fidelity(parser)
    parser.add_argument(
        "--outputs",
        choices=OUTPUTS,
        metavar="|".join(OUTPUTS),
        default="image,labels",
        help="of the restorer file: the picture, labels of the face's parts (uint8; psfr restore "
        "needs them), and with 'all' their logits, 5 MB a face at 256 px (default: %(default)s)",
    )
    faces = f"aligned square faces in DIR/images (or in DIR itself), degraded {data}"
    add_path(parser, "--data", "DIR", f"{faces}; default: drawn faces")
    add_output(
        parser,
        f"DIR/{files}, sample_lq.bin, sample_restored_PRECISION.bin, samples.json, report.json, "
        "table.md and chart.png; files worse than stated go to DIR/rejected and the command fails",
    )
    parser.add_argument(
        "--allow-degraded", action="store_true", help="keep files worse than stated, with a warning"
    )
    parser.add_argument(
        "--license",
        metavar="TEXT",
        help="license of the weights, written into the files (default: that of the shipped "
        "weights, or the model folder's own)",
    )


def run_export(args: argparse.Namespace, kind: str, precisions: list[str], **options) -> int:
    """Write the files; returns the exit code.

    `kind`: a class of `psfr_tf.export.formats`; `options`: others of `export_files`.
    """
    make_folder(args.output)

    from psfr_tf.export import formats
    from psfr_tf.export.file_export import export_files

    report = export_files(
        getattr(formats, kind),
        args.weights,
        args.output,
        precisions,
        data=args.data,
        allow_degraded=args.allow_degraded,
        license=args.license,
        fidelity=args.fidelity,
        outputs=args.outputs,
        log=say,
        **options,
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
