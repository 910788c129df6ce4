"""`psfr restore --server`: the networks run on TF Serving.

Faces are found, aligned and pasted back here, and only the aligned faces travel; with --photo the
server does all of it (`psfr_tf.cli.server_photos`).
"""

import argparse
import importlib.util
import re
from pathlib import Path

from psfr_tf.cli.arguments import add_whole
from psfr_tf.errors import UserError, cause


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Which server, and how to speak with it."""
    group = parser.add_argument_group("TF Serving, in place of the networks on this machine")
    group.add_argument(
        "--server",
        type=address,
        metavar="HOST:PORT",
        help="the server, which has the model under the name of --weights; TF Serving listens on "
        "8500 (gRPC) and 8501 (REST); dns:///HOST:PORT spreads the calls over all addresses of the "
        "name",
    )
    group.add_argument(
        "--protocol", choices=("grpc", "rest"), default="grpc", help="(default: %(default)s)"
    )
    version = "version of the model (default: the server's newest)"
    add_whole(group, "--model-version", (1, 2**63 - 1), version)
    faces = "faces per request, 1 to 8; no more than the server's max_batch_size (default: 8)"
    add_whole(group, "--batch-size", (1, 8), faces, 8)
    add_whole(group, "--deadline", (1, 3600), "how long one request may take", 60, "SECONDS")
    limit = "how long all attempts at one photo may take (default: no limit)"
    add_whole(group, "--photo-deadline", (1, 86400), limit, metavar="SECONDS")
    group.add_argument(
        "--photo",
        action="store_true",
        help="send whole photos, JPEG or PNG, to a model exported with --photo: faces are found "
        "and pasted there",
    )
    group.add_argument(
        "--tls",
        nargs="?",
        const="",
        metavar="CA.pem",
        help="encrypt gRPC; trust the certificates in this file (default: the usual ones)",
    )
    add_whole(
        group,
        "--retries",
        (0, 100),
        "further attempts when the server is away, overloaded or too slow, after pauses that "
        "double from 1 to 30 seconds",
        5,
    )


def check_protocol(protocol: str) -> None:
    """Raises UserError: a package is missing."""
    if protocol == "grpc" and importlib.util.find_spec("grpc") is None:
        raise UserError(
            "--protocol grpc needs grpcio: pip install 'psfr_tf[serving]', or use --protocol rest"
        )


def server_predictor(args: argparse.Namespace):
    """The connection that the options describe.

    Raises:
        UserError: the options do not go together, or the file of certificates cannot be read.
    """
    connection = (args.server, args.weights, args.model_version, args.deadline)
    if args.protocol == "rest":
        if args.tls is not None or "/" in args.server:
            raise UserError("--tls and dns:/// are for --protocol grpc")
        from psfr_tf.export.serving.rest_predictor import RestPredictor

        return RestPredictor(*connection)
    import grpc

    from psfr_tf.export.serving.grpc_predictor import GrpcPredictor

    credentials = None
    if args.tls is not None:
        try:
            trusted = Path(args.tls).read_bytes() if args.tls else None
        except OSError as error:
            raise UserError(f"--tls {args.tls}: {cause(error)}") from None
        credentials = grpc.ssl_channel_credentials(trusted)
    return GrpcPredictor(*connection, credentials=credentials)


def server_restorer(args: argparse.Namespace, detector):
    """The `FaceRestorer` that the options describe.

    Raises:
        UserError: the server does not answer, or has no such model.
    """
    from psfr_tf.export.serving.engine import ServedRestorer, ServingEngine
    from psfr_tf.export.serving.errors import ServerError

    predictor = server_predictor(args)
    try:
        engine = ServingEngine(predictor, args.batch_size, args.retries, args.photo_deadline)
    except ServerError as error:
        raise UserError(f"{args.server}: {error.strerror}") from None
    return ServedRestorer(engine, detector=detector)


def address(text: str) -> str:
    """argparse type: HOST:PORT."""
    match = re.fullmatch(r"(?:dns:///)?(\[[0-9A-Fa-f:.]+\]|[^:/\s]+):(\d{1,5})", text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as localhost:8500")
    return text
