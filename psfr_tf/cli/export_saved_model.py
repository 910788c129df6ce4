"""`psfr export saved-model`: a SavedModel for TF Serving."""

import argparse
import time
from pathlib import Path

from psfr_tf.cli.arguments import add_fidelity, add_output, add_path, add_weights, add_whole
from psfr_tf.cli.output_folder import drop_report, make_folder
from psfr_tf.cli.reporting import write_report

SUMMARY = "Write a SavedModel that TF Serving, or any TensorFlow program, loads."
EXAMPLE = "psfr export saved-model --weights psfr-mobile-256 --output models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_weights(parser)
    add_fidelity(parser)
    add_output(
        parser,
        "DIR/NAME/VERSION/, DIR/report.json and DIR/table.md; DIR is what the server mounts",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="the model's name in requests (default: the name of the model folder)",
    )
    version = "its version (default: one more than the greatest in DIR/NAME)"
    add_whole(parser, "--version", (1, 2**63 - 1), version)
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of weights and convolutions; bfloat16 is for servers with AVX512-BF16, AMX or a GPU "
        "that has it (default: %(default)s)",
    )
    parser.add_argument(
        "--photo",
        action="store_true",
        help="also the signature restore_photo_bytes: whole photos in, restored photos out",
    )
    faces = "aligned faces to verify with, degraded first (default: drawn faces)"
    add_path(parser, "--data", "DIR", faces)
    parser.add_argument(
        "--allow-degraded",
        action="store_true",
        help="keep the SavedModel even if it is further from the float model than stated",
    )


def run(args: argparse.Namespace) -> int:
    from psfr_tf import model_folder
    from psfr_tf.errors import UserError
    from psfr_tf.export.saved_model import MODEL_NAME, export
    from psfr_tf.export.saved_model_report import verified, write_table
    from psfr_tf.export.warmup import WARMUP_FILE

    started = time.monotonic()
    name = args.name or model_folder.resolve(args.weights).resolve().name
    if not MODEL_NAME.fullmatch(name):
        args.usage_error(
            f"--name: {name!r} cannot be a model's name in requests; use letters, digits, "
            "'.', '_' and '-'"
        )
    folder = model_folder.load_model_folder(args.weights, args.fidelity)
    make_folder(args.output)
    verification: dict = {}

    def check(path: Path) -> None:
        verification.update(verified(folder, path, args.precision, args.data))
        if verification["shortfalls"] and not args.allow_degraded:
            raise UserError(
                f"{name}: not exported: {'; '.join(verification['shortfalls'])}; "
                "use --allow-degraded to keep it"
            )
        drop_report(args.output)

    version = export(folder, args.output, name, args.version, args.precision, check, args.photo)
    print(f"SavedModel: {version}")
    has_warmup = (version / WARMUP_FILE).is_file()
    write_report(
        args.output,
        "export saved-model",
        weights=str(args.weights),
        fidelity=folder.fidelity,
        model=name,
        model_version=int(version.name),
        path=version.relative_to(args.output).as_posix(),
        size=folder.size,
        photo=args.photo,
        **verification,
        has_warmup=has_warmup,
        seconds=round(time.monotonic() - started, 3),
    )
    write_table(args.output / "table.md", name, verification)
    if not has_warmup:
        print(
            "No warm-up requests, so a server's first answers will be slow: "
            "pip install 'psfr_tf[serving]' and export again"
        )
    return 0
