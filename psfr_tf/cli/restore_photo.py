"""What `psfr restore` does with one photo, and the pictures that it writes of it."""

import argparse
import shutil
from pathlib import Path

import cv2
import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.files import atomic_path, write_png
from psfr_tf.labels import colorize
from psfr_tf.photo import Photo, read_photo, write_photo
from psfr_tf.picture_file import MAX_PIXELS
from psfr_tf.pictures import resize_face, to_uint8
from psfr_tf.restore_result import RestoreResult
from psfr_tf.restorer import FaceRestorer

# Endings of photos whose format results can have.
_SAME_FORMAT = {
    ".png": ".png",
    ".webp": ".webp",
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), ".jpg"),
}


def result_suffix(path: Path, chosen: str) -> str:
    """Ending of a result's name.

    Args:
        path: of the photo.
        chosen: value of --format.
    """
    return _SAME_FORMAT.get(path.suffix.lower(), ".png") if chosen == "keep" else f".{chosen}"


def restore_one(load, args: argparse.Namespace, path: Path, name: str) -> tuple[dict, list[str]]:
    """Restore a photo and write the results.

    Args:
        load: returns the `FaceRestorer`; not called if the photo cannot be read.
        args: see `psfr_tf.cli.photo_arguments`.
        path: of the photo.
        name: of the results, without ending; may have folders.

    Returns:
        The entry of the report, and what the user should know, a line each.

    Raises:
        UserError: the photo cannot be read, or the result cannot be what was asked for.
        OSError: a result cannot be written.
    """
    photo = read_photo(path, args.max_pixels or MAX_PIXELS)
    output = f"restored/{name}{result_suffix(path, args.format)}"
    notes = [f"{path}: {text}" for text in photo.notes]
    if photo.alpha is not None and output.endswith(".jpg"):
        notes.append(f"{path}: JPEG has no transparency, it is left out")
    restore = _restore_aligned if args.aligned else _restore_photo
    entry = {"output": output, **restore(load, args, photo, path, name, output, notes)}
    if photo.notes:
        entry["notes"] = list(photo.notes)
    return entry, notes


def _restore_photo(load, args, photo: Photo, path: Path, name, output, notes) -> dict:
    most = args.max_pixels or MAX_PIXELS
    height, width = photo.rgb.shape[:2]
    if height * width * args.upscale**2 > most:
        raise UserError(
            f"{path}: {width}x{height} enlarged {args.upscale} times is above "
            f"{most / 1e6:.3g} million pixels; lower --upscale or raise --max-pixels"
        )
    result = load().restore(
        photo,
        strength=args.strength,
        upscale=args.upscale,
        min_score=args.min_score,
        min_face=args.min_face,
        faces=args.faces,
    )
    for face in result.rejected:
        x, y, face_width, face_height = (round(value) for value in face.box)
        notes.append(
            f"{path}: not restored at {x},{y} ({face_width}x{face_height} px): {face.reason}"
        )
    if args.save_faces:
        for face in result.faces:
            _save_face(args, f"{name}_{face.index:02d}", face.lq, face.parsing, face.restored)
    if args.boxes:
        write_photo(args.output / "boxes" / f"{name}.jpg", _with_boxes(photo.rgb, result))
    _write_result(args, photo, result, path, name, output, bool(result.faces) or args.upscale > 1)
    return {
        "status": "restored" if result.faces else "no_face",
        "width": width,
        "height": height,
        "faces": [
            {**_found(face), "landmarks": face.landmarks.astype(float).round(2).tolist()}
            for face in result.faces
        ],
        "rejected": [{**_found(face), "reason": face.reason} for face in result.rejected],
    }


def _restore_aligned(load, args, photo: Photo, path: Path, name, output, notes) -> dict:
    height, width = photo.rgb.shape[:2]
    if height != width:
        raise UserError(
            f"{path}: {width}x{height} pixels, but an aligned face is square; "
            "crop it, or omit --aligned"
        )
    restorer: FaceRestorer = load()
    restored, parsing = restorer.restore_and_parse(photo.rgb[None])
    lq = resize_face(photo.rgb, restorer.size)
    # A face larger than the model's keeps its size and its own finer detail; a smaller one is
    # enlarged, because its own size cannot hold what is restored.
    size = max(height, restorer.size)
    change = resize_face(restored[0].astype(np.float32) - lq, size)
    blended = to_uint8(resize_face(photo.rgb, size) + args.strength * change)
    alpha = None if photo.alpha is None else resize_face(photo.alpha, size)
    if args.save_faces:
        _save_face(args, f"{name}_00", lq, parsing[0], restored[0])
    result = RestoreResult(blended, photo=photo, alpha=alpha)
    _write_result(args, photo, result, path, name, output, True)
    entry = {
        "status": "restored",
        "width": width,
        "height": height,
        "faces": [{"box": [0, 0, width, height]}],
        "rejected": [],
    }
    if size != height:
        entry["note"] = f"enlarged from {width}x{height} to the model's {size}x{size} pixels"
        notes.append(f"{path}: {entry['note']}")
    return entry


def _write_result(
    args, photo: Photo, result: RestoreResult, path: Path, name, output, changed: bool
) -> None:
    target = args.output / output
    if args.compare:
        write_photo(args.output / "compare" / f"{name}.jpg", _side_by_side(photo.rgb, result.image))
    if changed or args.strip or _SAME_FORMAT.get(path.suffix.lower()) != target.suffix:
        result.save(target, args.quality, args.strip)
    else:  # nothing to change: the file itself, with all that it holds
        with atomic_path(target) as temporary:
            shutil.copyfile(path, temporary)


def _side_by_side(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The photo, enlarged as the result is, a white line, and the result."""
    if before.shape != after.shape:
        before = cv2.resize(before, after.shape[1::-1], interpolation=cv2.INTER_LANCZOS4)
    line = np.full((len(after), max(2, after.shape[1] // 100), 3), 255, np.uint8)
    return np.concatenate([before, line, after], axis=1)


def _with_boxes(photo: np.ndarray, result: RestoreResult) -> np.ndarray:
    """The photo with a box and the number of each face: green if it was restored, yellow if it was
    not chosen; red where something was not believed to be a face."""
    picture = photo.copy()
    thickness = max(1, round(max(picture.shape) / 800))
    green, yellow, red = (0, 200, 0), (240, 200, 0), (230, 0, 0)
    found = [(face.box, f"{face.index}", green) for face in result.faces]
    found += [(face.box, f"{face.index}", yellow) for face in result.left]
    found += [(face.box, "", red) for face in result.rejected]
    for (x, y, width, height), text, color in found:
        corner, opposite = (round(x), round(y)), (round(x + width), round(y + height))
        cv2.rectangle(picture, corner, opposite, color, thickness)
        size = min(max(0.4, height / 200), max(picture.shape) / 400)
        place = (corner[0] + 2 * thickness, corner[1] + round(25 * size) + thickness)
        for ink, width_ in (((0, 0, 0), 4 * thickness), (color, 2 * thickness)):
            cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, width_)
    return picture


def _found(face) -> dict:
    return {"box": [round(value, 2) for value in face.box], "score": round(face.score, 4)}


def _save_face(args, name: str, lq, parsing, restored) -> None:
    folder = args.output / "faces"
    write_png(folder / f"{name}_lq.png", lq)
    write_png(folder / f"{name}_parsing.png", colorize(parsing))
    write_png(folder / f"{name}_restored.png", restored)
