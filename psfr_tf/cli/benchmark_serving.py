"""`psfr benchmark serving`: how many requests a running TF Serving answers, and how soon."""

import argparse
from collections.abc import Callable
from pathlib import Path

from psfr_tf.cli.arguments import DEFAULT_WEIGHTS, add_output, add_path, add_whole, names_of, wholes
from psfr_tf.cli.output_folder import drop_report, make_folder
from psfr_tf.cli.reporting import write_report
from psfr_tf.cli.server import address, check_protocol, server_predictor
from psfr_tf.errors import UserError

SUMMARY = "Requests per second, latencies and errors of a running TF Serving."
EXAMPLE = "psfr benchmark serving --address localhost:8500 --concurrency 1,4,16 --output load"

_SIGNATURES = ("restore_photo_bytes", "restore_bytes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address", dest="server", type=address, required=True, metavar="HOST:PORT"
    )
    add_output(parser, "DIR/report.json, DIR/table.md and DIR/chart.png")
    parser.add_argument(
        "--protocol", choices=("grpc", "rest"), default="grpc", help="(default: %(default)s)"
    )
    parser.add_argument("--tls", nargs="?", const="", metavar="CA.pem", help="as for psfr restore")
    parser.add_argument(
        "--model",
        dest="weights",
        default=DEFAULT_WEIGHTS,
        metavar="NAME",
        help="the model's name on the server (default: %(default)s)",
    )
    parser.add_argument(
        "--signatures",
        type=names_of(_SIGNATURES),
        default=list(_SIGNATURES),
        metavar="S,S,...",
        help=f"of {', '.join(_SIGNATURES)} (default: those that the model has)",
    )
    parser.add_argument(
        "--concurrency",
        type=wholes(1, 256),
        default=[1, 4, 16],
        metavar="N,N,...",
        help="concurrent callers (default: 1,4,16)",
    )
    add_whole(parser, "--seconds", (1, 3600), "duration of each measurement", 10)
    add_whole(parser, "--deadline", (1, 3600), "how long one request may take", 60, "SECONDS")
    photo = "photo to send, JPEG or PNG (default: a portrait of 512x512 pixels with one face)"
    add_path(parser, "--photo", "FILE", photo)


def run(args: argparse.Namespace) -> int:
    check_protocol(args.protocol)
    from psfr_tf.export.serving.errors import ServerError
    from psfr_tf.export.serving.load import measure

    photo = _photo(args.photo)
    drop_report(make_folder(args.output))
    args.model_version = None
    predictor = server_predictor(args)
    rows = []
    try:
        for signature, call in _calls(predictor, photo, args.signatures).items():
            try:
                call()  # the first answer of a server may be slow
            except ServerError as error:
                raise UserError(f"{args.server}: {signature}: {error.strerror}") from None
            for concurrency in args.concurrency:
                load = measure(call, concurrency, args.seconds)
                rows.append({"signature": signature, **load})
                print(_line(rows[-1]))
    finally:
        predictor.close()
    _write(args, rows)
    return 0


def _photo(path: Path | None) -> bytes:
    import cv2
    import numpy as np

    if path is None:
        from skimage import data

        return cv2.imencode(".png", np.ascontiguousarray(data.astronaut()[..., ::-1]))[1].tobytes()
    try:
        return path.read_bytes()
    except OSError as error:
        from psfr_tf.errors import cause

        raise UserError(f"{path}: {cause(error)}") from None


def _calls(predictor, photo: bytes, signatures: list[str]) -> dict[str, Callable[[], object]]:
    """A request of each signature: the photo, and a square of its middle as an aligned face."""
    from psfr_tf.export.serving.errors import ServerError

    calls: dict[str, Callable[[], object]] = {}
    if "restore_photo_bytes" in signatures:
        calls["restore_photo_bytes"] = lambda: predictor.restore_photo(photo)
    if "restore_bytes" in signatures:
        import cv2
        import numpy as np

        try:
            size = predictor.face_size()
        except ServerError as error:
            raise UserError(f"{predictor.address}: {error.strerror}") from None
        image = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise UserError("--photo: neither a JPEG nor a PNG file")
        face = cv2.imencode(".png", cv2.resize(image, (size, size)))[1].tobytes()
        calls["restore_bytes"] = lambda: predictor.restore([face])
    return calls


def _line(row: dict) -> str:
    errors = ", ".join(f"{count} {name}" for name, count in row["errors"].items()) or "no error"
    return (
        f"{row['signature']}, {row['concurrency']} caller{'s'[: row['concurrency'] != 1]}: "
        f"{row['requests_per_s']:.2f} requests/s, p50 {row['p50_ms']:.0f} ms, "
        f"p90 {row['p90_ms']:.0f} ms, p99 {row['p99_ms']:.0f} ms, {errors}"
    )


def _write(args: argparse.Namespace, rows: list[dict]) -> None:
    from psfr_tf.files import write_text
    from psfr_tf.machine import describe_machine
    from psfr_tf.report.charts import series, write_bars
    from psfr_tf.report.table import Table

    header = ["signature", "callers", "requests/s", "p50 (ms)", "p90 (ms)", "p99 (ms)", "errors"]
    numbers = ("p50_ms", "p90_ms", "p99_ms")
    cells = [
        [
            row["signature"],
            str(row["concurrency"]),
            f"{row['requests_per_s']:.2f}",
            *(f"{row[name]:.0f}" for name in numbers),
            str(sum(row["errors"].values())),
        ]
        for row in rows
    ]
    write_text(args.output / "table.md", Table(header, cells).markdown() + "\n")
    answered = [row for row in rows if row["answered"]]
    if answered:
        names = list(dict.fromkeys(row["signature"] for row in rows))
        write_bars(
            args.output / "chart.png",
            f"{args.weights}: by signature and callers",
            [
                (
                    f"{row['signature']}, {row['concurrency']}",
                    series(1 + names.index(row["signature"])),
                )
                for row in answered
            ],
            {
                "requests/s": [row["requests_per_s"] for row in answered],
                "p50 (ms)": [row["p50_ms"] for row in answered],
                "p99 (ms)": [row["p99_ms"] for row in answered],
            },
        )
    for row in rows:
        for name in numbers:
            row[name] = None if row[name] != row[name] else round(row[name], 1)
    write_report(
        args.output,
        "benchmark serving",
        address=args.server,
        protocol=args.protocol,
        model=args.weights,
        photo=None if args.photo is None else str(args.photo),
        seconds=args.seconds,
        client=describe_machine("grpcio"),
        loads=rows,
    )
