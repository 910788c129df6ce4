"""`psfr parse`: parsing maps of aligned faces."""

import argparse
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from psfr_tf.cli import interrupt
from psfr_tf.cli.arguments import DEFAULT_WEIGHTS, add_output, add_path, add_weights, add_whole
from psfr_tf.cli.output_folder import drop_report, keep_apart, make_folder, output_names
from psfr_tf.cli.reporting import fault, say_skipped, write_report
from psfr_tf.errors import UserError

SUMMARY = "Draw the 19-class parsing maps of aligned faces."
EXAMPLE = "psfr parse data/ffhq/images1024x1024 --size 512 --output data/ffhq/masks512"

# Key of a PNG text: digest of the weights that drew a map.
_DRAWN_BY = "psfr_tf weights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(
        parser,
        "faces",
        "DIR",
        "folder of faces aligned as in FFHQ; if it holds none, its subfolders are searched",
    )
    add_output(
        parser,
        "DIR/NAME.png, a palette picture whose values are the class ids, and DIR/report.json; maps "
        "of the right size found there are kept, unless other weights of this project drew them",
    )
    add_weights(parser, DEFAULT_WEIGHTS)
    size = "side of the maps (default: the face's own size)"
    add_whole(parser, "--size", (16, 4096), size, metavar="PX")
    add_whole(parser, "--batch-size", (1, 256), "faces parsed at once", 4)
    parser.add_argument(
        "--overwrite", action="store_true", help="also parse faces that already have a map"
    )


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from psfr_tf.pictures import pictures_in

    faces = pictures_in(args.faces, subfolders=True)
    if not faces:
        raise UserError(f"{args.faces}: no pictures in this folder")
    folders = {path.parent for path in faces}
    keep_apart(args.output, folders, "the maps would replace the faces")
    started = time.monotonic()
    make_folder(args.output)
    for folder in sorted(folders):
        say_skipped(folder)
    parse, size = _network(args.weights)
    drawn_by = _digest(args.weights)
    drop_report(args.output)
    files, interrupted = [], False
    named = list(zip(faces, output_names(faces, args.output), strict=True))
    with tqdm(total=len(named), unit="face", disable=None) as bar:
        try:
            for start in range(0, len(named), args.batch_size):
                interrupt.check()
                batch = named[start : start + args.batch_size]
                for entry in _parse_batch(parse, size, batch, args, drawn_by):
                    files.append(entry)
                    bar.update()
        except KeyboardInterrupt:
            interrupted = True
    status = [entry["status"] for entry in files]
    counts = {name: status.count(name) for name in ("parsed", "kept", "failed")}
    seconds = time.monotonic() - started
    write_report(
        args.output,
        "parse",
        weights=str(args.weights),
        interrupted=interrupted,
        counts={"inputs": len(faces), **counts},
        seconds=round(seconds, 3),
        files=files,
    )
    kept = f"{counts['kept']} kept, " if counts["kept"] else ""
    print(
        f"{counts['parsed']} parsed, {kept}{counts['failed']} failed in {seconds:.1f} s: "
        f"{args.output}"
    )
    return 1 if counts["failed"] or interrupted else 0


def _network(weights: str) -> tuple[Callable, int]:
    """The face parsing network, faces to labels, and the side of its faces."""
    from psfr_tf.engines.ready_files import ready_parser
    from psfr_tf.model_folder import load_model_folder, resolve

    path = resolve(weights)
    if (ready := ready_parser(path)) is not None:
        return ready
    network = load_model_folder(path).parsing_network
    return lambda faces: network.predict_on_batch(faces)["logits"].argmax(-1), network.image_size


def _parse_batch(
    parse: Callable,
    network_size: int,
    batch: list[tuple[Path, str]],
    args: argparse.Namespace,
    drawn_by: str,
) -> Iterator[dict[str, str]]:
    """Parse a few faces and write their maps; yields the entry of each for the report."""
    import numpy as np

    from psfr_tf.photo import read_photo
    from psfr_tf.pictures import normalize, resize_face

    def failed(path: Path, error: Exception) -> dict[str, str]:
        fault(error)
        return {"input": str(path), "status": "failed", "error": str(error)}

    faces = []
    for path, name in batch:
        output = args.output / f"{name}.png"
        try:
            if not args.overwrite and _has_map(output, path, args.size, drawn_by):
                yield {"input": str(path), "output": output.name, "status": "kept"}
                continue
            rgb = read_photo(path).rgb
            if rgb.shape[0] != rgb.shape[1]:
                raise UserError(
                    f"{path}: {rgb.shape[1]}x{rgb.shape[0]} pixels, faces must be square"
                )
        except (UserError, OSError) as error:
            yield failed(path, error)
            continue
        size = (args.size, args.size) if args.size else (rgb.shape[1], rgb.shape[0])
        lq = normalize(resize_face(rgb, network_size))
        faces.append((path, output, size, lq))
    if not faces:
        return
    drawn = parse(np.stack([lq for *_, lq in faces]))
    for (path, output, size, _), labels in zip(faces, drawn, strict=True):
        try:
            _write_map(output, labels.astype(np.uint8), size, drawn_by)
            yield {"input": str(path), "output": output.name, "status": "parsed"}
        except OSError as error:
            yield failed(path, error)


def _digest(weights: str) -> str:
    """Of the face parsing network's weights; kept in the maps, so that these tell who drew them."""
    from psfr_tf.model_folder import resolve

    try:
        content = (resolve(weights) / "parsing.weights.h5").read_bytes()
    except (UserError, OSError):
        return ""
    return hashlib.sha256(content).hexdigest()[:16]


def _has_map(output: Path, face: Path, size: int | None, drawn_by: str) -> bool:
    """Whether a map of the right size already exists, and is not of other weights.

    A map that does not say who drew it, such as one drawn by hand, is kept.
    """
    from psfr_tf.photo import picture_size
    from psfr_tf.picture_file import open_picture

    if not output.is_file():
        return False
    try:
        with open_picture(output, header_only=True) as (found, _):
            if found.mode != "P" or found.info.get(_DRAWN_BY, drawn_by) != drawn_by:
                return False
            return found.size == ((size, size) if size else picture_size(face))
    except UserError:
        return False


def _write_map(output: Path, labels, size: tuple[int, int], drawn_by: str) -> None:
    import cv2
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from psfr_tf.files import atomic_path
    from psfr_tf.labels import COLORS

    labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    image = Image.frombytes("P", size, labels.tobytes())
    image.putpalette(COLORS.tobytes())
    notes = PngInfo()
    notes.add_text(_DRAWN_BY, drawn_by)
    with atomic_path(output) as temporary:
        image.save(temporary, format="PNG", pnginfo=notes)
