"""`psfr restore`: photos in, restored photos out."""

import argparse

from psfr_tf.cli.arguments import DEFAULT_WEIGHTS, add_fidelity, add_weights
from psfr_tf.cli.photo_arguments import add_photo_arguments, check_photo_arguments
from psfr_tf.cli.restore_album import restore_photos
from psfr_tf.cli.server import add_server_arguments, check_protocol, server_restorer

SUMMARY = "Restore the faces in photos."
EXAMPLE = "psfr restore holiday.jpg scans/ --output out --save-faces"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_photo_arguments(parser)
    add_weights(parser, DEFAULT_WEIGHTS, single_file=True)
    add_fidelity(parser, "-w")
    parser.add_argument(
        "--engine",
        choices=("litert", "onnx", "tensorflow"),
        help="runtime of the networks (default: litert if the model folder holds its files, as the "
        "shipped one does)",
    )
    parser.add_argument(
        "--precision",
        choices=("int8-dynamic", "float16", "float32"),
        help="of the weights in LiteRT (default: the fastest that the model folder holds for this "
        "--fidelity)",
    )
    add_server_arguments(parser)


def run(args: argparse.Namespace) -> int:
    check_photo_arguments(args)
    if args.photo:
        from psfr_tf.cli.server_photos import restore_on_server

        return restore_on_server(args)
    detector = open_detector(args)
    if args.server:
        return _run_on_server(args, detector)
    if args.precision and args.engine not in (None, "litert"):
        args.usage_error("--precision is for --engine litert")

    def load():
        from psfr_tf.restorer import FaceRestorer

        return FaceRestorer.from_pretrained(
            args.weights, args.engine, args.fidelity, detector, args.precision
        )

    about = {
        "command": "restore",
        "weights": str(args.weights),
        "engine": args.engine,
        "precision": args.precision,
        "fidelity": _effective_fidelity(args),
    }
    return restore_photos(args, load, about)


def _run_on_server(args: argparse.Namespace, detector) -> int:
    for name in ("fidelity", "engine", "precision"):
        if getattr(args, name) is not None:
            args.usage_error(f"--{name} does not go with --server")
    check_protocol(args.protocol)  # before a photo is read
    about = {"command": "restore", "server": args.server, "protocol": args.protocol}
    about["model"] = args.weights
    return restore_photos(args, lambda: server_restorer(args, detector), about)


def open_detector(args: argparse.Namespace):
    """Also a check of --detector, before any photo is read."""
    import numpy as np

    from psfr_tf.faces.detect import FaceDetector

    detector = FaceDetector(args.detector)
    if not args.aligned:
        detector(np.zeros((32, 32, 3), np.uint8))
    return detector


def _effective_fidelity(args: argparse.Namespace) -> float | None:
    """The operating point that the model is loaded with; also a check of --weights, before any
    photo is read."""
    from psfr_tf import model_folder
    from psfr_tf.restorer import is_model_file

    if is_model_file(args.weights):
        return None
    path = model_folder.resolve(args.weights)
    return model_folder.operating_point(path, model_folder.read_config(path), args.fidelity)
