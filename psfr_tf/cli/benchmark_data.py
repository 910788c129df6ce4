"""`psfr benchmark data`: images per second of the degradation, by stage."""

import argparse
import os
from pathlib import Path

from psfr_tf.cli.arguments import whole
from psfr_tf.cli.output_folder import make_folder
from psfr_tf.cli.reporting import write_report
from psfr_tf.data.forms import FORM_HELP, FORMS
from psfr_tf.errors import UserError

SUMMARY = "Images per second of the degradation, by stage."
EXAMPLE = "psfr benchmark data --form release --output speed"

# Distinct faces in memory; more would not change the times.
_FACES = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="writes DIR/report.json"
    )
    parser.add_argument(
        "--size",
        type=whole(32, 512),
        default=512,
        metavar="PX",
        help="side of the faces, 32 to 512 (default: %(default)s)",
    )
    parser.add_argument(
        "--form",
        choices=FORMS,
        default="release",
        help=f"{FORM_HELP} (default: %(default)s)",
    )
    parser.add_argument(
        "--images",
        type=whole(1, 10_000),
        default=100,
        metavar="N",
        help="images per repeat (default: %(default)s)",
    )
    parser.add_argument(
        "--repeats",
        type=whole(1, 100),
        default=3,
        metavar="N",
        help="repeats of which the medians are given, after one for warming up "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=whole(1, 1024),
        default=os.cpu_count() or 1,
        metavar="N",
        help="images degraded at the same time (default: all %(default)s cores)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"folder of square faces, the first {_FACES} are used (default: drawn faces)",
    )


def run(args: argparse.Namespace) -> int:
    make_folder(args.output)
    from tqdm import tqdm

    from psfr_tf.data.degradation import Degradation
    from psfr_tf.data.degradation.speed import measure, stages
    from psfr_tf.machine import describe_machine

    faces = distinct_faces(args.data, args.size)
    machine = describe_machine("tensorflow")
    degradation = Degradation(args.form, args.size)
    measured = measure(degradation, faces, args.images, args.threads, args.repeats)
    rows = list(
        tqdm(measured, total=len(stages(degradation)), unit="stage", disable=None, leave=False)
    )
    _print(rows, machine, args)
    write_report(
        args.output,
        "benchmark data",
        machine=machine,
        faces=str(args.data) if args.data else "drawn",
        form=args.form,
        size=args.size,
        images=args.images,
        repeats=args.repeats,
        threads=args.threads,
        stages=rows,
    )
    return 0


def distinct_faces(folder: Path | None, size: int):
    """A few faces, uint8 [F, S, S, 3]: of a folder, or drawn.

    Raises:
        UserError: if the folder has none that can be used.
    """
    import numpy as np

    from psfr_tf.data.toy_faces import draw_face
    from psfr_tf.photo import read_photo
    from psfr_tf.pictures import find_photos, resize_face

    if folder is None:
        return np.stack([draw_face(seed, size)[0] for seed in range(_FACES)])
    if not folder.is_dir():
        raise UserError(f"{folder}: not a folder")
    paths, problems = find_photos([folder])
    if problems:
        raise UserError(problems[0][1])
    faces = []
    for path in paths[:_FACES]:
        face = read_photo(path).rgb
        if face.shape[0] != face.shape[1]:
            raise UserError(f"{path}: not square; give a folder of aligned faces")
        faces.append(resize_face(face, size))
    return np.stack(faces)


def _print(rows: list[dict], machine: dict, args: argparse.Namespace) -> None:
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_average_1_min']}")
    print(f"TensorFlow {machine['tensorflow']}, form {args.form}, {args.size} px")
    print(f"{args.threads} threads, {args.images} images")
    print()
    print(f"{'stage':<26} {'p':>5} {'CPU ms':>8} {'images/s':>9}")
    for row in rows:
        print(
            f"{row['stage']:<26} {row['probability']:>5.3g} {row['cpu_ms']:>8.2f} "
            f"{row['images_per_second']:>9.1f}"
        )
    print()
    print("CPU ms: processor time per image, all threads; images/s: by the clock.")
