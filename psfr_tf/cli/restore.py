"""`psfr restore`: photos in, restored photos out."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from psfr_tf.cli.inputs import (
    add_fidelity,
    find_photos,
    keep_apart,
    make_folder,
    named,
    output_names,
    share,
    whole,
    write_report,
)
from psfr_tf.errors import UserError

SUMMARY = "Restore the faces in photos."
EXAMPLE = "psfr restore holiday.jpg scans/ --output out --save-faces"

DEFAULT_WEIGHTS = "psfr-mobile-256"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_photo_arguments(parser)
    parser.add_argument(
        "--weights",
        default=DEFAULT_WEIGHTS,
        metavar="NAME|DIR",
        help="shipped weights or a model folder (default: %(default)s)",
    )
    add_fidelity(parser)
    parser.add_argument(
        "--engine",
        choices=("litert", "tensorflow"),
        help="runtime of the networks (default: litert if the model folder holds its file)",
    )


def add_photo_arguments(parser: argparse.ArgumentParser) -> None:
    """Photos, output and how faces are found and pasted: the same wherever the networks run."""
    parser.add_argument(
        "photos",
        nargs="+",
        type=named,
        metavar="PHOTO|DIR",
        help="photos, or folders of photos (their subfolders are not searched)",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="writes DIR/restored/NAME.png and DIR/report.json",
    )
    parser.add_argument(
        "--aligned",
        action="store_true",
        help="the pictures are square faces aligned as in FFHQ: restore the whole picture",
    )
    parser.add_argument(
        "--strength",
        type=share,
        default=1.0,
        metavar="0..1",
        help="how much of the change is applied (default: 1)",
    )
    parser.add_argument(
        "--upscale",
        type=whole(1, 8),
        default=1,
        metavar="N",
        help="enlarge the photo N times, 1 to 8 (default: 1)",
    )
    parser.add_argument(
        "--min-score",
        type=share,
        default=0.8,
        metavar="S",
        help="least confidence of the face detector, 0..1 (default: 0.8)",
    )
    parser.add_argument(
        "--min-face",
        type=whole(8, 100_000),
        default=20,
        metavar="PX",
        help="least width and height of a face's box in the photo (default: 20)",
    )
    parser.add_argument(
        "--save-faces",
        action="store_true",
        help="also write DIR/faces/NAME_00_{lq,parsing,restored}.png",
    )


def run(args: argparse.Namespace) -> int:
    def load():
        from psfr_tf.restorer import FaceRestorer

        return FaceRestorer.from_pretrained(args.weights, args.engine, args.fidelity)

    about = {
        "command": "restore",
        "weights": str(args.weights),
        "engine": args.engine,
        "fidelity": args.fidelity,
    }
    return restore_photos(args, load, about)


def restore_photos(args: argparse.Namespace, load: Callable, about: dict) -> int:
    """Restore the photos that `add_photo_arguments` names, and write the report.

    Args:
        load: called without arguments once there is a photo; returns the `FaceRestorer`.
        about: first entries of the report.

    Returns:
        The exit code.
    """
    if args.aligned and args.upscale != 1:
        args.usage_error("--upscale does not go with --aligned")

    started = time.monotonic()
    report = _new_report(args, about)
    photos, problems = find_photos(args.photos)
    results = [args.output / "restored"]
    if args.save_faces:
        results.append(args.output / "faces")
    folders = {photo.parent for photo in photos}
    for result in results:
        keep_apart(result, folders, "the results would replace the photos")
    for folder in (args.output, *results):
        make_folder(folder)
    try:
        for folder, problem in problems:
            _failed(report, str(folder), problem)
        if photos:
            _restore_all(args, photos, report, load)
    except KeyboardInterrupt:
        report["interrupted"] = True
    _count(report, len(photos) + len(problems))
    report["seconds"] = round(time.monotonic() - started, 3)
    write_report(args.output, **report)
    _print_summary(args, report)
    return 1 if report["counts"]["failed"] or report["interrupted"] else 0


def _new_report(args, about: dict) -> dict:
    return {
        **about,
        "options": {
            "aligned": args.aligned,
            "strength": args.strength,
            "upscale": args.upscale,
            "min_score": args.min_score,
            "min_face": args.min_face,
            "save_faces": args.save_faces,
        },
        "interrupted": False,
        "counts": {},
        "seconds": 0.0,
        "files": [],
    }


def _restore_all(args, photos, report, load) -> None:
    from tqdm import tqdm

    restorer = load()
    report["engine"] = restorer.engine.name
    report["size"] = restorer.size
    restore = _restore_aligned if args.aligned else _restore_photo
    with_names = list(zip(photos, output_names(photos), strict=True))
    with tqdm(with_names, unit="photo", disable=None) as progress:
        for photo, name in progress:
            progress.set_postfix_str(photo.name, refresh=False)
            started = time.monotonic()
            try:
                entry = {"input": str(photo), **restore(restorer, args, photo, name)}
                entry["seconds"] = round(time.monotonic() - started, 3)
                report["files"].append(entry)
            except UserError as error:
                _failed(report, str(photo), str(error))
            except MemoryError:
                _failed(report, str(photo), f"{photo}: too large for this computer's memory")
            except OSError as error:
                where = error.filename2 or error.filename or photo
                _failed(report, str(photo), f"{photo}: {where}: {error.strerror or error}")


def _restore_photo(restorer, args, path: Path, name: str) -> dict:
    from psfr_tf.faces.paste import enlarge
    from psfr_tf.photo import MAX_PIXELS, read_photo, write_photo

    photo = read_photo(path)
    height, width = photo.rgb.shape[:2]
    if height * width * args.upscale**2 > MAX_PIXELS:
        raise UserError(
            f"{path}: {width}x{height} enlarged {args.upscale} times is above "
            f"{MAX_PIXELS // 1_000_000} million pixels; lower --upscale"
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
        _say(f"{path}: not restored at {x},{y} ({face_width}x{face_height} px): {face.reason}")
    if args.save_faces:
        for index, face in enumerate(result.faces):
            _save_face(args, f"{name}_{index:02d}", face.lq, face.parsing, face.restored)
    write_photo(args.output / output, result.image, alpha, photo.was_gray)
    return {
        "output": output.as_posix(),
        "status": "restored" if result.faces else "no_face",
        "width": width,
        "height": height,
        "faces": [
            {
                "box": [round(value, 2) for value in face.box],
                "score": round(face.score, 4),
                "landmarks": [[round(float(v), 2) for v in point] for point in face.landmarks],
            }
            for face in result.faces
        ],
        "rejected": [
            {
                "box": [round(value, 2) for value in face.box],
                "score": round(face.score, 4),
                "reason": face.reason,
            }
            for face in result.rejected
        ],
    }


def _restore_aligned(restorer, args, path: Path, name: str) -> dict:
    import numpy as np

    from psfr_tf.photo import read_photo, write_photo
    from psfr_tf.restorer import resize_face

    photo = read_photo(path)
    height, width = photo.rgb.shape[:2]
    if height != width:
        raise UserError(
            f"{path}: {width}x{height} pixels, but an aligned face is square; "
            "crop it, or leave out --aligned"
        )
    restored, parsing = restorer.restore_and_parse(photo.rgb[None])
    lq = resize_face(photo.rgb, restorer.size)
    # A face larger than the model's keeps its size and its own finer detail; a smaller one is
    # enlarged, because its own size cannot hold what is restored.
    size = max(height, restorer.size)
    change = resize_face(restored[0].astype(np.float32) - lq, size)
    blended = resize_face(photo.rgb, size) + args.strength * change
    blended = np.clip(np.rint(blended), 0, 255).astype(np.uint8)
    alpha = None if photo.alpha is None else resize_face(photo.alpha, size)
    output = Path("restored") / f"{name}.png"
    if args.save_faces:
        _save_face(args, f"{name}_00", lq, parsing[0], restored[0])
    write_photo(args.output / output, blended, alpha, photo.was_gray)
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
        _say(f"{path}: {entry['note']}")
    return entry


def _save_face(args, name: str, lq, parsing, restored) -> None:
    from psfr_tf.files import write_png
    from psfr_tf.labels import colorize

    folder = args.output / "faces"
    write_png(folder / f"{name}_lq.png", lq)
    write_png(folder / f"{name}_parsing.png", colorize(parsing))
    write_png(folder / f"{name}_restored.png", restored)


def _say(line: str) -> None:
    """One line on stderr, above the progress bar."""
    import sys

    from tqdm import tqdm

    tqdm.write(f"psfr: {line}", file=sys.stderr)


def _failed(report, path: str, message: str) -> None:
    import sys

    from tqdm import tqdm

    tqdm.write(f"psfr: error: {message}", file=sys.stderr)
    report["files"].append({"input": path, "status": "failed", "error": message, "faces": []})


def _count(report, inputs: int) -> None:
    statuses = [entry["status"] for entry in report["files"]]
    report["counts"] = {
        "inputs": inputs,
        "restored": statuses.count("restored"),
        "no_face": statuses.count("no_face"),
        "failed": statuses.count("failed"),
        "faces": sum(len(entry["faces"]) for entry in report["files"]),
        "rejected": sum(len(entry.get("rejected", ())) for entry in report["files"]),
    }


def _print_summary(args, report) -> None:
    counts = report["counts"]
    parts = [f"{counts['restored']} restored ({counts['faces']} faces)"]
    if counts["no_face"]:
        parts.append(f"{counts['no_face']} without a face, copied")
    if counts["rejected"]:
        many = counts["rejected"] > 1
        rest = "faces left as they are" if many else "face left as it is"
        parts.append(f"{counts['rejected']} doubtful {rest}")
    if counts["failed"]:
        parts.append(f"{counts['failed']} failed")
    if report["interrupted"]:
        parts.append("interrupted, what was done is kept")
    print(f"{', '.join(parts)} in {report['seconds']:.1f} s: {args.output}")
