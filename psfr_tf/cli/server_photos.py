"""`psfr restore --server HOST:PORT --photo`: photo files travel, the server does the rest.

Needs numpy and grpcio only (with --protocol rest, numpy only): no picture is decoded here.
"""

import argparse
import os
import time
from pathlib import Path

from psfr_tf.cli import interrupt
from psfr_tf.cli.output_folder import keep_apart, make_folder, output_names
from psfr_tf.cli.reporting import write_report
from psfr_tf.cli.restore_report import count, failed, print_summary
from psfr_tf.cli.server import check_protocol, server_predictor
from psfr_tf.errors import UserError, cause
from psfr_tf.files import atomic_path

# What the server reads.
_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png")
# The server's own limit is on pixels; a message may have 64 MiB.
_MAX_BYTES = 60 * 2**20
# Options of `psfr restore` that need the photo's pixels here.
_LOCAL_ONLY = (
    *("aligned", "upscale", "save_faces", "detector", "min_face", "fidelity", "engine"),
    *("precision", "faces", "format", "quality", "strip", "compare", "boxes", "recursive"),
    *("skip_existing", "max_pixels"),
)


def restore_on_server(args: argparse.Namespace) -> int:
    """Restore the photos; returns the exit code."""
    if not args.server:
        args.usage_error("--photo needs --server")
    for name in _LOCAL_ONLY:
        if getattr(args, name) is True or name in args._given:
            args.usage_error(f"--{name.replace('_', '-')} does not go with --photo")
    check_protocol(args.protocol)  # before a photo is read
    started = time.monotonic()
    report: dict = {
        "server": args.server,
        "protocol": args.protocol,
        "model": args.weights,
        "options": {"photo": True, "strength": args.strength, "min_score": args.min_score},
        "files": [],
        "interrupted": False,
    }
    photos = _find(args.photos, report)
    results = args.output / "restored"
    keep_apart(results, {photo.parent for photo in photos}, "the results would replace the photos")
    for folder in (args.output, results):
        make_folder(folder)
    predictor = server_predictor(args)
    try:
        for path, name in zip(photos, output_names(photos, args.output), strict=True):
            interrupt.check()
            try:
                report["files"].append(_restore(predictor, args, path, name))
            except (UserError, OSError, ValueError) as error:
                ours = isinstance(error, UserError)
                failed(report, str(path), str(error) if ours else f"{path}: {cause(error)}")
    except KeyboardInterrupt:
        report["interrupted"] = True
    finally:
        predictor.close()
    count(report, len(report["files"]))
    report["seconds"] = round(time.monotonic() - started, 3)
    write_report(args.output, "restore", **report)
    print_summary(args, report)
    return 1 if report["counts"]["failed"] or report["interrupted"] else 0


def _find(inputs: list[str], report: dict) -> list[Path]:
    """The photos; inputs that hold none are reported."""
    photos: dict[str, Path] = {}
    for item in map(Path, inputs):
        found = [item]
        if os.path.isdir(item):
            try:
                found = sorted(
                    path
                    for path in item.iterdir()
                    if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
                )
            except OSError as error:
                failed(report, str(item), f"{item}: {cause(error)}")
                continue
            if not found:
                failed(report, str(item), f"{item}: no JPEG or PNG photos in this folder")
        for path in found:
            photos.setdefault(os.path.realpath(path), path)
    return list(photos.values())


def _restore(predictor, args: argparse.Namespace, path: Path, name: str) -> dict:
    from psfr_tf.export.serving.errors import ServerError
    from psfr_tf.export.serving.retry import with_retries

    started = time.monotonic()
    end = None if args.photo_deadline is None else started + args.photo_deadline
    contents = _read(path)
    try:
        answer = with_retries(
            lambda timeout=None: predictor.restore_photo(
                contents, args.strength, args.min_score, timeout=timeout
            ),
            args.retries,
            end=end,
        )
    except ServerError as error:
        raise UserError(f"{path}: {error.filename}: {error.strerror}") from None
    suffix = ".png" if answer.file.startswith(b"\x89PNG") else ".jpg"
    output = Path("restored") / f"{name}{suffix}"
    with atomic_path(args.output / output) as temporary:
        temporary.write_bytes(answer.file)
    faces = [
        {
            "box": box.astype(float).round(2).tolist(),
            "score": round(float(score), 4),
            "landmarks": points.astype(float).round(2).tolist(),
        }
        for box, score, points in zip(answer.boxes, answer.scores, answer.landmarks, strict=True)
    ]
    return {
        "input": str(path),
        "output": output.as_posix(),
        "status": "restored" if faces else "no_face",
        "faces": faces,
        "seconds": round(time.monotonic() - started, 3),
    }


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
    if path.stat().st_size > _MAX_BYTES:
        raise UserError(f"{path}: the file has more than {_MAX_BYTES // 2**20} MiB")
    return path.read_bytes()
