"""Options of the commands that restore photos, wherever the networks run."""

import argparse
from pathlib import Path

from psfr_tf.cli.inputs import named, share, whole


def add_photo_arguments(parser: argparse.ArgumentParser) -> None:
    """Photos, output, and how faces are found and pasted."""
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
        "--detector",
        type=named,
        default="mtcnn",
        metavar="mtcnn|FILE.onnx",
        help="face detector: the one shipped, or a YuNet file of yours (default: mtcnn)",
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
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave out photos that an earlier run with the same options has finished in DIR",
    )
    parser.add_argument(
        "--max-pixels",
        type=whole(1, 10_000_000_000),
        metavar="N",
        help="refuse larger photos before they are decoded: bounds the memory, 10 bytes a pixel "
        "(default: 200 million pixels, 2 GB; 2.5 times fewer for WebP, AVIF and HEIC)",
    )
