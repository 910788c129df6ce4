"""The options of `psfr restore` on photos: which, how faces are found and pasted, what is written.

The short names and --input are those of GFPGAN and CodeFormer.
"""

import argparse
from pathlib import Path

from psfr_tf.cli.arguments import add_path, add_whole, named, share, wholes


def add_photo_arguments(parser: argparse.ArgumentParser) -> None:
    """Photos, output, and how faces are found and pasted, wherever the networks run."""
    parser.add_argument(
        "photos", nargs="*", type=named, metavar="PHOTO|DIR", help="photos, or folders of photos"
    )
    parser.add_argument(
        "-i", "--input", nargs="+", type=named, metavar="PHOTO|DIR", help="the same as an option"
    )
    add_path(
        parser,
        "--output",
        "DIR",
        "writes DIR/restored/NAME.png and DIR/report.json (default: %(default)s)",
        short=["-o"],
        default=Path("results"),
    )
    _add_choice_of_faces(parser.add_argument_group("faces"))
    _add_results(parser.add_argument_group("results"))
    parser.add_argument(
        "--recursive",
        action="store_true",
        help="search the subfolders of folders too; the results are in the same subfolders",
    )
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="skip photos that an earlier run with the same options has finished in DIR",
    )
    add_whole(
        parser,
        "--max-pixels",
        (1, 10_000_000_000),
        "refuse larger photos before they are decoded: bounds the memory, 10 bytes a pixel "
        "(default: 200 million pixels, 2 GB; 2.5 times fewer for WebP, AVIF and HEIC)",
    )


def check_photo_arguments(args: argparse.Namespace) -> None:
    """Exit with 2 if options do not go together; --input joins the photos."""
    args.photos = [*args.photos, *(args.input or ())]
    if not args.photos:
        args.usage_error("name a photo or a folder")
    for name in ("upscale", "faces", "boxes"):
        if args.aligned and getattr(args, name) not in (1, "all", False):
            args.usage_error(f"--{name} cannot be used with --aligned")


def _add_choice_of_faces(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--aligned",
        action="store_true",
        help="the pictures are square faces aligned as in FFHQ: restore the whole picture",
    )
    group.add_argument(
        "--faces",
        type=_faces,
        default="all",
        metavar="all|largest|center|N,N",
        help="which faces of each photo: numbers are those of --boxes, from 0 (default: all)",
    )
    group.add_argument(
        "--detector",
        type=named,
        default="mtcnn",
        metavar="mtcnn|FILE.onnx",
        help="face detector: the one shipped, or a YuNet file of yours (default: mtcnn)",
    )
    group.add_argument(
        "--min-score",
        type=share,
        default=0.8,
        metavar="S",
        help="lowest confidence of the face detector, 0..1 (default: 0.8)",
    )
    box = "smallest width and height of a face's box in the photo"
    add_whole(group, "--min-face", (8, 100_000), box, 20, "PX")
    group.add_argument(
        "--strength",
        type=share,
        default=1.0,
        metavar="0..1",
        help="how much of the change is applied (default: 1)",
    )


def _add_results(group: argparse._ArgumentGroup) -> None:
    enlarge = "enlarge the photo N times, 1 to 8; what is not a face by Lanczos"
    add_whole(group, "--upscale", (1, 8), enlarge, 1, short=("-s", "--background"))
    group.add_argument(
        "--format",
        choices=("keep", "png", "jpg", "webp"),
        default="png",
        help="of the results; keep: the photo's own if it is one of these, else png (default: png)",
    )
    add_whole(group, "--quality", (1, 100), "of jpg and webp", 95)
    group.add_argument(
        "--strip",
        action="store_true",
        help="leave out EXIF data (date, place, camera) and the color profile, which are kept",
    )
    group.add_argument(
        "--compare",
        action="store_true",
        help="also write DIR/compare/NAME.jpg, before and after side by side",
    )
    group.add_argument(
        "--boxes",
        action="store_true",
        help="also write DIR/boxes/NAME.jpg, the photo with the faces' boxes and numbers",
    )
    group.add_argument(
        "--save-faces",
        action="store_true",
        help="also write DIR/faces/NAME_00_{lq,parsing,restored}.png",
    )


def _faces(text: str) -> str | list[int]:
    if text in ("all", "largest", "center"):
        return text
    try:
        return wholes(0, 1_000_000)(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not all, largest, center or numbers such as 0,2"
        ) from None
