"""`python -m psfr_tf.export.serving.client`: restores photos with the networks on a server.

Faces are found, aligned and pasted back here, as `psfr restore` does; only the aligned faces
travel.
"""

import argparse
import importlib.util
import re
import sys

from psfr_tf.cli import main as command_line
from psfr_tf.cli.arguments import DEFAULT_WEIGHTS, add_photo_arguments, whole
from psfr_tf.cli.quiet import silence_pillow, silence_tensorflow
from psfr_tf.cli.restore import restore_photos
from psfr_tf.errors import UserError

EXAMPLE = (
    "python -m psfr_tf.export.serving.client holiday.jpg scans/ --output out "
    "--address localhost:8500"
)


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Parse the arguments (without program name). Exits with 2 on bad usage, 0 after --help."""
    parser = argparse.ArgumentParser(
        prog="python -m psfr_tf.export.serving.client",
        description="Restore the faces in photos with a model that TF Serving runs.",
        epilog=f"example:\n  {EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_photo_arguments(parser)
    parser.add_argument(
        "--address",
        required=True,
        type=_address,
        metavar="HOST:PORT",
        help="the server; TF Serving listens on 8500 (gRPC) and 8501 (REST)",
    )
    parser.add_argument(
        "--protocol", choices=("grpc", "rest"), default="grpc", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_WEIGHTS,
        metavar="NAME",
        help="name of the model on the server (default: %(default)s)",
    )
    parser.add_argument(
        "--model-version",
        type=whole(1, 2**63 - 1),
        metavar="N",
        help="version of the model (default: the server's newest)",
    )
    parser.add_argument(
        "--batch-size",
        type=whole(1, 8),
        default=8,
        metavar="N",
        help="most faces in a request, 1 to 8; no more than the server's max_batch_size "
        "(default: 8)",
    )
    parser.add_argument(
        "--deadline",
        type=whole(1, 3600),
        default=60,
        metavar="SECONDS",
        help="how long one request may take (default: 60)",
    )
    parser.add_argument(
        "--retries",
        type=whole(0, 100),
        default=5,
        metavar="N",
        help="further attempts when the server is away, overloaded or too slow, after pauses "
        "that double from 1 to 30 seconds (default: 5)",
    )
    parser.set_defaults(run=run, usage_error=parser.error)
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> int:
    about = {"command": "serving.client", "address": args.address, "protocol": args.protocol}
    about["model"] = args.model
    _predictor_class(args.protocol)  # What has to be installed is said before a photo is read.
    return restore_photos(args, lambda: _restorer(args), about)


def _restorer(args):
    from psfr_tf.export.serving.engine import ServingEngine
    from psfr_tf.export.serving.errors import ServerError
    from psfr_tf.restorer import FaceRestorer

    predictor = _predictor_class(args.protocol)(
        args.address, args.model, args.model_version, args.deadline
    )
    try:
        return FaceRestorer(ServingEngine(predictor, args.batch_size, args.retries))
    except ServerError as error:
        raise UserError(f"{args.address}: {error.strerror}") from None


def _predictor_class(protocol: str):
    if protocol == "rest":
        from psfr_tf.export.serving.rest_predictor import RestPredictor

        return RestPredictor
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise UserError(
            "--protocol grpc needs tensorflow-serving-api: pip install 'psfr_tf[serving]', "
            "or use --protocol rest"
        )
    from psfr_tf.export.serving.grpc_predictor import GrpcPredictor

    return GrpcPredictor


def _address(text: str) -> str:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:/\s]+):(\d{1,5})", text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as localhost:8500")
    return text


if __name__ == "__main__":
    silence_tensorflow()
    silence_pillow()
    sys.exit(command_line.run(parse_arguments(sys.argv[1:])))
