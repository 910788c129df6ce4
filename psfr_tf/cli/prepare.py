"""`psfr prepare`: check a data set of faces and write it to TFRecord shards."""

import argparse
import time
from collections import Counter

from psfr_tf.cli.arguments import add_output, add_path, add_whole
from psfr_tf.cli.output_folder import drop_report, make_folder
from psfr_tf.cli.reporting import fault, interrupted, say_skipped, write_report
from psfr_tf.errors import UserError
from psfr_tf.output_lock import only_run_in

SUMMARY = "Check a data set of aligned faces and write it to TFRecord shards for training."
EXAMPLE = "psfr prepare ffhq data/ffhq --masks data/ffhq/masks512 --size 512 --output data/records"

LAYOUTS = ("ffhq", "celebamask-hq", "folder")
_EXAMPLES_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "layout", choices=LAYOUTS, help="how the data set is laid out on disk, see docs/datasets.md"
    )
    add_path(parser, "faces", "DIR", "folder of the data set")
    add_output(
        parser,
        "DIR/SPLIT-NNNNN-of-NNNNN.tfrecord, DIR/index.json and DIR/report.json; finished shards "
        "found there are verified and kept",
    )
    add_path(
        parser,
        "--masks",
        "DIR",
        "folder of parsing maps NAME.png: label maps, or in the color code of the release "
        "(folder: default DIR/masks, if it exists)",
    )
    add_path(
        parser,
        "--manifest",
        "CSV",
        "columns name and split: which faces to take, and their split (folder: default "
        "DIR/manifest.csv, if it exists; ffhq: default NVIDIA's split)",
    )
    size = "store pictures averaged down to this side (default: as they are)"
    add_whole(parser, "--size", (16, 4096), size, metavar="PX")
    add_whole(parser, "--shard-size", (1, 100_000), "faces in a shard", 500)
    parser.add_argument(
        "--check", action="store_true", help="read everything, write no shards, only report.json"
    )


def run(args: argparse.Namespace) -> int:
    if args.layout == "celebamask-hq" and (args.masks or args.manifest):
        args.usage_error("celebamask-hq has its own masks and split; omit --masks and --manifest")
    if not args.faces.is_dir():
        raise UserError(f"{args.faces}: no such folder")
    started = time.monotonic()
    faces = _list_faces(args)
    make_folder(args.output)
    with only_run_in(args.output):
        try:
            return _run(args, faces, started)
        except KeyboardInterrupt:  # before there was a shard to write
            write_report(args.output, "prepare", interrupted=True)
            return interrupted()


def _run(args: argparse.Namespace, faces, started: float) -> int:
    from tqdm import tqdm

    from psfr_tf.data.prepare import Preparation

    def check_bar(items):
        return tqdm(items, desc="checking files", unit="face", disable=None)

    for folder in sorted({face.image.parent for face in faces.faces}):
        say_skipped(folder)
    faces.check_headers(args.size or 0, check_bar)
    preparation = Preparation(faces, args.output, args.size, args.shard_size, args.layout)
    _say_faults(faces.faults)
    stopped, problem = False, None
    total = sum(len(shard.faces) for shard in preparation.plan)
    work = preparation.check if args.check else preparation.run
    drop_report(args.output)
    with tqdm(
        total=total, desc="checking" if args.check else "writing", unit="face", disable=None
    ) as bar:
        try:
            work(bar.update)
        except KeyboardInterrupt:
            stopped = True
        except UserError as error:
            problem = str(error)
    later = preparation.faults[len(faces.faults) :]
    _say_faults(later)
    report = _report(args, preparation, total)
    report |= {
        "interrupted": stopped,
        "error": problem,
        "seconds": round(time.monotonic() - started, 3),
    }
    write_report(args.output, **report)
    if problem:
        raise UserError(problem)
    if stopped:
        return interrupted()
    counts = report["counts"]
    if preparation.repaired:
        print(f"damaged or incomplete, written again: {', '.join(preparation.repaired)}")
    if preparation.kept:
        print(f"{len(preparation.kept)} of {len(preparation.plan)} shards exist and are good")
    verb = "good" if args.check else "in shards"
    splits = ", ".join(f"{count} {split}" for split, count in counts["splits"].items())
    print(f"{counts['good']} faces {verb} ({splits}), {counts['left_out']} left out: {args.output}")
    return 1 if preparation.faults else 0


def _list_faces(args: argparse.Namespace):
    from psfr_tf.data import layouts

    if args.layout == "celebamask-hq":
        return layouts.celebamask_hq(args.faces)
    if args.layout == "ffhq":
        return layouts.ffhq(args.faces, args.masks, args.manifest)
    return layouts.plain_folder(args.faces, args.masks, args.manifest)


def _say_faults(faults: list) -> None:
    """One line on stderr for each kind of fault: how many, and a few of them."""
    from psfr_tf.data.face_error import KINDS

    for kind in KINDS:
        lines = [str(error) for _, error in faults if error.kind == kind]
        if lines:
            shown = "; ".join(lines[:_EXAMPLES_SHOWN])
            more = "; ... (all in report.json)" if len(lines) > _EXAMPLES_SHOWN else ""
            fault(f"{kind}: {len(lines)}: {shown}{more}")


def _report(args: argparse.Namespace, preparation, total: int) -> dict:
    from psfr_tf.data.face_error import KINDS

    at_fault = {name for name, _ in preparation.faults}
    planned = [face for shard in preparation.plan for face in shard.faces]
    good = [face for face in planned if face.name not in at_fault]
    kinds = Counter(error.kind for _, error in preparation.faults)
    return {
        "command": "prepare",
        "layout": args.layout,
        "faces": str(args.faces),
        "masks": str(args.masks) if args.masks else None,
        "size": args.size,
        "check_only": args.check,
        "counts": {
            "pictures": total,
            "good": len(good),
            "left_out": len(at_fault),
            "splits": dict(Counter(face.split for face in good)),
            "problems": {kind: kinds[kind] for kind in KINDS if kinds[kind]},
        },
        "shards": {
            "written": len(preparation.written),
            "kept": len(preparation.kept),
            "repaired": preparation.repaired,
        },
        "problems": [
            {"face": name, "kind": error.kind, "problem": str(error)}
            for name, error in preparation.faults
        ],
    }
