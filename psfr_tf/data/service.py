"""Servers of a tf.data service, which prepares training batches on other machines.

    python -m psfr_tf.data.service dispatcher --port 5050
    python -m psfr_tf.data.service worker --dispatcher HOST:5050

One dispatcher; workers as many as needed, on machines that see the faces under the same paths.
The run names the dispatcher: `--set data.service=grpc://HOST:5050` (docs/distributed.md).
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import threading
import time
from typing import Any

from psfr_tf.errors import UserError, cause


def start_dispatcher(port: int = 0) -> Any:
    """A running `tf.data.experimental.service.DispatchServer`; port 0 takes a free one.

    Its `target` is "grpc://localhost:PORT". It stops when it is garbage collected.
    """
    from tensorflow.data.experimental import service

    return service.DispatchServer(service.DispatcherConfig(port=port))


def start_worker(dispatcher: str, host: str = "localhost", port: int = 0) -> Any:
    """A running `WorkerServer`; it stops when it is garbage collected.

    Args:
        dispatcher: "HOST:PORT" of the dispatcher.
        host: name under which the dispatcher and the training machines reach this worker.
        port: 0 takes a free one.
    """
    from tensorflow.data.experimental import service

    address = f"{host}:%port%"
    return service.WorkerServer(service.WorkerConfig(dispatcher, address, port=port))


def check_dispatcher(target: str, patience: float = 30.0) -> None:
    """See that a dispatcher answers: the input pipeline itself waits for one without a word.

    Args:
        target: "grpc://HOST:PORT".
        patience: seconds to wait for it.

    Raises:
        UserError: none answers.
    """
    host, port = target.removeprefix("grpc://").rsplit(":", 1)
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=max(patience, 1.0)).close()
            return
        except OSError as error:
            if time.monotonic() >= deadline:
                raise UserError(
                    f"data.service: {target}: no dispatcher answers ({cause(error)}); "
                    "start one with: python -m psfr_tf.data.service dispatcher"
                ) from None
        time.sleep(1.0)


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m psfr_tf.data.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    roles = parser.add_subparsers(dest="role", required=True)
    dispatcher = roles.add_parser("dispatcher", help="hands out the work")
    dispatcher.add_argument("--port", type=int, default=5050, help="default: %(default)s")
    worker = roles.add_parser("worker", help="prepares batches")
    worker.add_argument("--dispatcher", metavar="HOST:PORT", required=True)
    worker.add_argument("--port", type=int, default=0, help="default: a free one")
    worker.add_argument(
        "--host",
        default=socket.gethostname(),
        help="name under which the other machines reach this one (default: %(default)s)",
    )
    args = parser.parse_args(argv)

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if args.role == "dispatcher":
        server = start_dispatcher(args.port)
        print(f"dispatcher: {server.target}", flush=True)
    else:
        server = start_worker(args.dispatcher, args.host, args.port)
        print(f"worker {args.host} of {args.dispatcher}", flush=True)
    while not stop.wait(1.0):  # wakes up now and then, to see signals
        pass


if __name__ == "__main__":
    main()
