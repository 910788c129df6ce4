"""`psfr parse`: parsing maps of aligned faces."""

import argparse
import time
from pathlib import Path

from psfr_tf.cli.inputs import find_photos, make_folder, output_names
from psfr_tf.errors import UserError

SUMMARY = "Draw the 19-class parsing maps of aligned faces."
EXAMPLE = "psfr parse faces/images --output masks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "faces",
        metavar="DIR",
        type=Path,
        help="folder of faces aligned as in FFHQ (its subfolders are not searched)",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="writes DIR/NAME.png, a palette picture whose values are the class ids, at the "
        "face's own size, and DIR/report.json",
    )
    parser.add_argument(
        "--weights",
        default="psfr-mobile-256",
        metavar="NAME|DIR",
        help="shipped weights or a model folder (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    import sys

    from tqdm import tqdm

    import psfr_tf
    from psfr_tf.files import write_json
    from psfr_tf.model_folder import load_model_folder

    if not args.faces.is_dir():
        raise UserError(f"{args.faces}: not a folder")
    faces, problems = find_photos([args.faces])
    if problems:
        raise UserError(problems[0][1])
    if args.output.resolve() == args.faces.resolve():
        raise UserError(f"{args.output}: the maps would replace the faces; choose another --output")
    started = time.monotonic()
    make_folder(args.output)
    network = load_model_folder(args.weights).parsing_network
    files, interrupted = [], False
    named = list(zip(faces, output_names(faces), strict=True))
    try:
        for path, name in tqdm(named, unit="face", disable=None):
            entry = {"input": str(path)}
            try:
                _parse_face(network, path, args.output / f"{name}.png")
                entry |= {"output": f"{name}.png", "status": "parsed"}
            except (UserError, OSError) as error:
                message = str(error)
                tqdm.write(f"psfr: error: {message}", file=sys.stderr)
                entry |= {"status": "failed", "error": message}
            files.append(entry)
    except KeyboardInterrupt:
        interrupted = True
    failed = sum(entry["status"] == "failed" for entry in files)
    seconds = time.monotonic() - started
    report = {
        "command": "parse",
        "version": psfr_tf.__version__,
        "weights": str(args.weights),
        "interrupted": interrupted,
        "counts": {"inputs": len(faces), "parsed": len(files) - failed, "failed": failed},
        "seconds": round(seconds, 3),
        "files": files,
    }
    try:
        write_json(args.output / "report.json", report)
    except OSError as error:
        raise UserError(f"{args.output / 'report.json'}: {error.strerror or error}") from None
    print(f"{len(files) - failed} parsed, {failed} failed in {seconds:.1f} s: {args.output}")
    return 1 if failed or interrupted else 0


def _parse_face(network, path: Path, output: Path) -> None:
    import cv2
    import numpy as np
    from PIL import Image

    from psfr_tf.files import atomic_path
    from psfr_tf.labels import COLORS
    from psfr_tf.photo import read_photo
    from psfr_tf.restorer import resize_face

    rgb = read_photo(path).rgb
    lq = resize_face(rgb, network.image_size).astype(np.float32) / 127.5 - 1.0
    logits = network.predict_on_batch(lq[None])["logits"][0]
    labels = np.argmax(logits, axis=-1).astype(np.uint8)
    height, width = rgb.shape[:2]
    labels = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    image = Image.frombytes("P", (width, height), labels.tobytes())
    image.putpalette(COLORS.tobytes())
    with atomic_path(output) as temporary:
        image.save(temporary, format="PNG")
