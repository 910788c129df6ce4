"""`psfr restore`: photos in, restored photos out."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from psfr_tf.cli import interrupt
from psfr_tf.cli.arguments import DEFAULT_WEIGHTS, add_fidelity, add_photo_arguments, add_weights
from psfr_tf.cli.output_folder import keep_apart, make_folder, output_names
from psfr_tf.cli.quiet import closed_stderr
from psfr_tf.cli.reporting import note, os_fault, say_skipped, write_report
from psfr_tf.cli.restore_report import (
    MOST_LINES,
    EarlierRun,
    count,
    failed,
    line,
    new_report,
    print_summary,
)
from psfr_tf.cli.server import add_server_arguments, check_protocol, server_restorer
from psfr_tf.errors import UserError
from psfr_tf.files import atomic_path

SUMMARY = "Restore the faces in photos."
EXAMPLE = "psfr restore holiday.jpg scans/ --output out --save-faces"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_photo_arguments(parser)
    add_weights(parser, DEFAULT_WEIGHTS)
    add_fidelity(parser)
    parser.add_argument(
        "--engine",
        choices=("litert", "tensorflow"),
        help="runtime of the networks (default: litert if the model folder holds its file)",
    )
    add_server_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.photo:
        from psfr_tf.cli.server_photos import restore_on_server

        return restore_on_server(args)
    detector = open_detector(args)
    if args.server:
        return _run_on_server(args, detector)

    def load():
        from psfr_tf.restorer import FaceRestorer

        return FaceRestorer.from_pretrained(args.weights, args.engine, args.fidelity, detector)

    about = {
        "command": "restore",
        "weights": str(args.weights),
        "engine": args.engine,
        "fidelity": _effective_fidelity(args),
    }
    return restore_photos(args, load, about)


def _run_on_server(args: argparse.Namespace, detector) -> int:
    for name in ("fidelity", "engine"):
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
        with closed_stderr():  # LiteRT notes once, at its first run, that it uses XNNPACK.
            detector(np.zeros((32, 32, 3), np.uint8))
    return detector


def _effective_fidelity(args: argparse.Namespace) -> float | None:
    """The operating point that the model is loaded with; also a check of --weights, before any
    photo is read."""
    from psfr_tf import model_folder

    path = model_folder.resolve(args.weights)
    return model_folder.operating_point(path, model_folder.read_config(path), args.fidelity)


def restore_photos(args: argparse.Namespace, load: Callable, about: dict) -> int:
    """Restore the photos that `add_photo_arguments` names, and write the report.

    Args:
        load: called without arguments once there is a photo; returns the `FaceRestorer`.
        about: first entries of the report.

    Returns:
        The exit code.
    """
    if args.aligned and args.upscale != 1:
        args.usage_error("--upscale cannot be used with --aligned")

    from psfr_tf.pictures import find_photos

    started = time.monotonic()
    report = new_report(args, about)
    photos, problems = find_photos(args.photos)
    results = [args.output / "restored"]
    if args.save_faces:
        results.append(args.output / "faces")
    folders = {photo.parent for photo in photos}
    for result in results:
        keep_apart(result, folders, "the results would replace the photos")
    for folder in (args.output, *results):
        make_folder(folder)
    inputs = len(photos) + len(problems)
    try:
        for folder in dict.fromkeys(map(Path, args.photos)):
            if os.path.isdir(folder):
                report["skipped_files"] += [str(folder / each) for each in say_skipped(folder)]
        for folder, problem in problems:
            failed(report, str(folder), problem)
        named_photos = list(zip(photos, _names(args, photos), strict=True))
        if args.skip_existing:
            named_photos = _unfinished(args, named_photos, report)
        # Whatever becomes of this run, the report is not that of the run before.
        write_report(args.output, **{**report, "interrupted": True})
        _restore_all(args, named_photos, report, load)
    except KeyboardInterrupt:
        report["interrupted"] = True
    count(report, inputs)
    report["seconds"] = round(time.monotonic() - started, 3)
    write_report(args.output, **report)
    print_summary(args, report)
    return 1 if report["counts"]["failed"] or report["interrupted"] else 0


def _names(args: argparse.Namespace, photos: list[Path]) -> list[str]:
    longest_ending = "_000_restored.png" if args.save_faces else ".png"
    return output_names(photos, args.output, len(longest_ending))


def _unfinished(args: argparse.Namespace, photos: list[tuple[Path, str]], report: dict) -> list:
    """The photos that an earlier run has not finished; the others go to the report."""
    earlier = EarlierRun(args.output, report)
    left = []
    for photo, name in photos:
        entry = earlier.entry(photo, name)
        if entry is None:
            left.append((photo, name))
        else:
            report["files"].append(entry)
    if len(left) < len(photos):
        print(f"{len(photos) - len(left)} of {len(photos)} photos finished before, skipped")
    return left


def _restore_all(args, photos: list[tuple[Path, str]], report: dict, load: Callable) -> None:
    from tqdm import tqdm

    from psfr_tf.photo import MAX_PIXELS, read_photo

    restore = _restore_aligned if args.aligned else _restore_photo
    lines = len(photos) <= MOST_LINES
    restorer = None
    with tqdm(photos, unit="photo", disable=True if lines else None) as progress:
        for path, name in progress:
            interrupt.check()
            progress.set_postfix_str(path.name, refresh=False)
            started = time.monotonic()
            try:
                photo = read_photo(path, args.max_pixels or MAX_PIXELS)
            except UserError as error:
                failed(report, str(path), str(error))
                continue
            for text in photo.notes:
                note(f"{path}: {text}")
            if restorer is None:  # Not before there is a photo: it takes seconds.
                restorer = load()
                report["engine"] = restorer.engine.name
                report["size"] = restorer.size
                started = time.monotonic()  # the time of a photo is not that of the model
            try:
                entry = {"input": str(path), **restore(restorer, args, photo, path, name)}
                if photo.notes:
                    entry["notes"] = list(photo.notes)
                entry["seconds"] = round(time.monotonic() - started, 3)
                report["files"].append(entry)
                if lines and sys.stdout.isatty():
                    print(line(entry))
            except UserError as error:
                failed(report, str(path), str(error))
            except MemoryError:
                failed(report, str(path), f"{path}: too large for this computer's memory")
            except OSError as error:
                failed(report, str(path), f"{path}: {os_fault(error, path)}")


def _restore_photo(restorer, args, photo, path: Path, name: str) -> dict:
    from psfr_tf.faces.paste import enlarge
    from psfr_tf.photo import MAX_PIXELS, write_photo

    most = args.max_pixels or MAX_PIXELS
    height, width = photo.rgb.shape[:2]
    if height * width * args.upscale**2 > most:
        raise UserError(
            f"{path}: {width}x{height} enlarged {args.upscale} times is above "
            f"{most / 1e6:.3g} million pixels; lower --upscale or raise --max-pixels"
        )
    result = restorer.restore(
        photo.rgb,
        strength=args.strength,
        upscale=args.upscale,
        min_score=args.min_score,
        min_face=args.min_face,
    )
    alpha = None if photo.alpha is None else enlarge(photo.alpha, args.upscale)
    output = Path("restored") / f"{name}.png"
    for face in result.rejected:
        x, y, face_width, face_height = (round(value) for value in face.box)
        note(f"{path}: not restored at {x},{y} ({face_width}x{face_height} px): {face.reason}")
    if args.save_faces:
        for index, face in enumerate(result.faces):
            _save_face(args, f"{name}_{index:02d}", face.lq, face.parsing, face.restored)
    if result.faces or args.upscale > 1 or path.suffix.lower() != ".png":
        write_photo(args.output / output, result.image, alpha, photo.was_gray)
    else:  # nothing to change: the file itself, with all that it holds
        with atomic_path(args.output / output) as temporary:
            shutil.copyfile(path, temporary)
    return {
        "output": output.as_posix(),
        "status": "restored" if result.faces else "no_face",
        "width": width,
        "height": height,
        "faces": [
            {**_found(face), "landmarks": face.landmarks.astype(float).round(2).tolist()}
            for face in result.faces
        ],
        "rejected": [{**_found(face), "reason": face.reason} for face in result.rejected],
    }


def _found(face) -> dict:
    return {"box": [round(value, 2) for value in face.box], "score": round(face.score, 4)}


def _restore_aligned(restorer, args, photo, path: Path, name: str) -> dict:
    import numpy as np

    from psfr_tf.photo import write_photo
    from psfr_tf.pictures import resize_face, to_uint8

    height, width = photo.rgb.shape[:2]
    if height != width:
        raise UserError(
            f"{path}: {width}x{height} pixels, but an aligned face is square; "
            "crop it, or omit --aligned"
        )
    restored, parsing = restorer.restore_and_parse(photo.rgb[None])
    lq = resize_face(photo.rgb, restorer.size)
    # A face larger than the model's keeps its size and its own finer detail; a smaller one is
    # enlarged, because its own size cannot hold what is restored.
    size = max(height, restorer.size)
    change = resize_face(restored[0].astype(np.float32) - lq, size)
    blended = resize_face(photo.rgb, size) + args.strength * change
    alpha = None if photo.alpha is None else resize_face(photo.alpha, size)
    output = Path("restored") / f"{name}.png"
    if args.save_faces:
        _save_face(args, f"{name}_00", lq, parsing[0], restored[0])
    write_photo(args.output / output, to_uint8(blended), alpha, photo.was_gray)
    entry = {
        "output": output.as_posix(),
        "status": "restored",
        "width": width,
        "height": height,
        "faces": [{"box": [0, 0, width, height]}],
        "rejected": [],
    }
    if size != height:
        entry["note"] = f"enlarged from {width}x{height} to the model's {size}x{size} pixels"
        note(f"{path}: {entry['note']}")
    return entry


def _save_face(args, name: str, lq, parsing, restored) -> None:
    from psfr_tf.files import write_png
    from psfr_tf.labels import colorize

    folder = args.output / "faces"
    write_png(folder / f"{name}_lq.png", lq)
    write_png(folder / f"{name}_parsing.png", colorize(parsing))
    write_png(folder / f"{name}_restored.png", restored)
