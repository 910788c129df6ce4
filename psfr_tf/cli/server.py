"""`psfr restore --server`: the networks run on TF Serving.

Faces are found, aligned and pasted back here; only the aligned faces travel.
"""

import argparse
import importlib.util
import re

from psfr_tf.cli.arguments import add_whole
from psfr_tf.errors import UserError


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Which server, and how to speak with it."""
    group = parser.add_argument_group("TF Serving, in place of the networks on this machine")
    group.add_argument(
        "--server",
        type=_address,
        metavar="HOST:PORT",
        help="the server, which has the model under the name of --weights; TF Serving listens on "
        "8500 (gRPC) and 8501 (REST)",
    )
    group.add_argument(
        "--protocol", choices=("grpc", "rest"), default="grpc", help="(default: %(default)s)"
    )
    version = "version of the model (default: the server's newest)"
    add_whole(group, "--model-version", (1, 2**63 - 1), version)
    faces = "most faces in a request, 1 to 8; no more than the server's max_batch_size (default: 8)"
    add_whole(group, "--batch-size", (1, 8), faces, 8)
    add_whole(group, "--deadline", (1, 3600), "how long one request may take", 60, "SECONDS")
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
    if protocol == "grpc" and importlib.util.find_spec("tensorflow_serving") is None:
        raise UserError(
            "--protocol grpc needs tensorflow-serving-api: pip install 'psfr_tf[serving]', "
            "or use --protocol rest"
        )


def server_restorer(args: argparse.Namespace, detector):
    """The `FaceRestorer` that the options describe.

    Raises:
        UserError: the server does not answer, or has no such model.
    """
    from psfr_tf.export.serving.engine import Predictor, ServingEngine
    from psfr_tf.export.serving.errors import ServerError
    from psfr_tf.restorer import FaceRestorer

    connection = (args.server, args.weights, args.model_version, args.deadline)
    if args.protocol == "rest":
        from psfr_tf.export.serving.rest_predictor import RestPredictor

        predictor: Predictor = RestPredictor(*connection)
    else:
        from psfr_tf.export.serving.grpc_predictor import GrpcPredictor

        predictor = GrpcPredictor(*connection)
    try:
        engine = ServingEngine(predictor, args.batch_size, args.retries)
        return FaceRestorer(engine, detector=detector)
    except ServerError as error:
        raise UserError(f"{args.server}: {error.strerror}") from None


def _address(text: str) -> str:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:/\s]+):(\d{1,5})", text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as localhost:8500")
    return text
