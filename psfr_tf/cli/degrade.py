"""`psfr degrade`: a reproducible set of low-quality faces."""

import argparse
import contextlib
import csv
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from psfr_tf.cli import interrupt
from psfr_tf.cli.arguments import add_output, add_path, add_whole
from psfr_tf.cli.output_folder import drop_report, keep_apart, make_folder
from psfr_tf.cli.reporting import fault, interrupted, say_skipped, write_report
from psfr_tf.data.forms import FORM_HELP, FORMS
from psfr_tf.errors import UserError, writing
from psfr_tf.output_lock import only_run_in

SUMMARY = "Make low-quality versions of sharp aligned faces, the same ones for the same seed."
EXAMPLE = (
    "psfr degrade faces/images --output lq --seed 0\n"
    "  psfr degrade faces/images --output again --from-manifest lq/manifest.csv"
)
DEFAULT_FORM = "paper"
DEFAULT_SIZE = 512


def add_arguments(parser: argparse.ArgumentParser) -> None:
    faces = "folder of square aligned faces (its subfolders are not searched)"
    add_path(parser, "faces", "DIR", faces)
    add_output(
        parser,
        "DIR/lq/NAME.png, DIR/hq/NAME.png (the original at the same size), DIR/manifest.csv and "
        "DIR/report.json",
    )
    how = parser.add_mutually_exclusive_group(required=True)
    seed = "decides every draw, together with the face's place in the sorted folder"
    add_whole(how, "--seed", (0, 2**31 - 1), seed)
    add_path(
        how,
        "--from-manifest",
        "CSV",
        "make the faces of this manifest again, with what was drawn for them, and compare the "
        "pixels with its checksums",
    )
    parser.add_argument(
        "--form",
        choices=FORMS,
        help=f"{FORM_HELP} (default: {DEFAULT_FORM})",
    )
    side = f"side of the faces written, 32 to 512 (default: {DEFAULT_SIZE})"
    add_whole(parser, "--size", (32, 512), side, metavar="PX")


def run(args: argparse.Namespace) -> int:
    if args.from_manifest and (args.form or args.size):
        args.usage_error("--form and --size are in the manifest; omit them")
    args.form, args.size = args.form or DEFAULT_FORM, args.size or DEFAULT_SIZE
    make_folder(args.output)
    for folder in ("lq", "hq"):
        make_folder(args.output / folder)
        keep_apart(args.output / folder, [args.faces], "the results would replace the faces")
    say_skipped(args.faces)
    with only_run_in(args.output):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    problems: list[str] = []
    earlier = _EarlierRun(args.output)
    faces = _listed(args) if args.from_manifest else _drawn(args, problems)
    _check_left_over(args.output, [cells["name"] for _, cells, _ in faces])
    with writing(args.output):
        done, stopped = _write(_degraded(faces, problems, earlier), args.output, earlier)
    how = {"form": args.form, "seed": args.seed, "size": args.size}
    if args.from_manifest:
        how = {"manifest": str(args.from_manifest)}
    write_report(
        args.output,
        "degrade",
        faces=str(args.faces),
        **how,
        interrupted=stopped,
        counts={"degraded": done, "failed": len(problems)},
        problems=problems,
    )
    kept = f" ({earlier.kept} of them before)" if earlier.kept else ""
    print(f"{done} degraded{kept}, {len(problems)} failed: {args.output}")
    if stopped:
        return interrupted()
    return 1 if problems else 0


class _EarlierRun:
    """The faces in an output folder that need not be made again."""

    def __init__(self, output: Path):
        from psfr_tf.evaluation.degradation_manifest import read_manifest

        self._output = output
        self.rows: dict[str, dict[str, str]] = {}
        self.kept = 0
        if (output / "manifest.csv").is_file():
            with contextlib.suppress(UserError):  # Then everything is made again.
                rows = read_manifest(output / "manifest.csv")
                self.rows = {row["name"]: row for row in rows}

    def has(self, source: Path, cells: Mapping[str, object]) -> dict[str, str] | None:
        """The row of a face if it has these cells, its pictures are there, and they and the sharp
        face are those of the row; else None."""
        from psfr_tf.evaluation.degradation_manifest import hashes
        from psfr_tf.photo import read_photo

        row = self.rows.get(str(cells["name"]))
        if row is None or any(row.get(key) != str(value) for key, value in cells.items()):
            return None
        lq, hq = (self._output / folder / f"{row['name']}.png" for folder in ("lq", "hq"))
        try:
            found = hashes(source, read_photo(lq).rgb, read_photo(hq).rgb)
        except (UserError, OSError):
            return None
        if any(row[key] != value for key, value in found.items()):
            return None
        self.kept += 1
        return row


def _drawn(args: argparse.Namespace, problems: list[str]) -> list[tuple]:
    """File, manifest cells and parameters (a function) of every face of the folder."""
    from psfr_tf.evaluation.degraded import DegradedFaces

    faces = DegradedFaces(args.faces, args.size, args.seed, args.form)
    for problem in faces.problems:
        problems.append(problem)
        fault(problem)
    return [
        (
            faces.path(index),
            {
                "name": name,
                "source_file": faces.path(index).name,
                "form": args.form,
                "seed": args.seed,
                "index": index,
                "size": args.size,
            },
            functools.partial(faces.parameters, index),
        )
        for index, name in enumerate(faces.names)
    ]


def _listed(args: argparse.Namespace) -> list[tuple]:
    """The same of every face of a manifest, whose cells also say what the result must be."""
    from psfr_tf.evaluation.degradation_manifest import parameters, read_manifest
    from psfr_tf.evaluation.degraded import traced_degradation

    rows = read_manifest(args.from_manifest)
    if not args.faces.is_dir():
        raise UserError(f"{args.faces}: no such folder; give the folder of sharp faces")

    def read(row):
        traced = traced_degradation(row["form"], int(row["size"]))
        return parameters(row, traced.degradation)

    return [(args.faces / row["source_file"], row, functools.partial(read, row)) for row in rows]


def _degraded(faces: list[tuple], problems: list[str], earlier: _EarlierRun) -> Iterator[tuple]:
    """lq, hq (None if they are there) and manifest cells of every face."""
    from tqdm import tqdm

    from psfr_tf.evaluation.degradation_manifest import difference, drawn_values, hashes
    from psfr_tf.evaluation.degraded import degraded_face

    for path, cells, draw in tqdm(faces, unit="face", disable=None):
        row = earlier.has(path, cells)
        if row is not None:
            yield None, None, row
            continue
        drawn = draw()
        try:
            lq, hq = degraded_face(path, cells["form"], int(cells["size"]), drawn)
        except UserError as error:
            problems.append(str(error))
            fault(error)
            continue
        found = hashes(path, lq, hq)
        why = difference(cells, found)
        if why:
            problems.append(f"{cells['name']}: {why}")
            fault(problems[-1])
            continue
        yield lq, hq, {**drawn_values(drawn), **cells, **found}


def _check_left_over(output: Path, names: Sequence[str]) -> None:
    """Pairs that this command will not replace would be taken for its own."""
    for folder in ("lq", "hq"):
        left_over = {path.stem for path in (output / folder).glob("*.png")} - set(names)
        if left_over:
            raise UserError(
                f"{output / folder}: holds {min(left_over)}.png of another set; "
                "choose another --output"
            )


def _write(faces: Iterator[tuple], output: Path, earlier: _EarlierRun) -> tuple[int, bool]:
    """Writes every pair and the manifest; returns their number, and whether it was interrupted.

    The manifest of an interrupted run has what was done, then what an earlier run had done.
    """
    from psfr_tf.evaluation.degradation_manifest import COLUMNS
    from psfr_tf.files import atomic_path, write_png

    done, interrupted = {}, False
    try:
        for lq, hq, cells in faces:
            interrupt.check()
            if lq is not None:
                drop_report(output)
                write_png(output / "lq" / f"{cells['name']}.png", lq)
                write_png(output / "hq" / f"{cells['name']}.png", hq)
            done[cells["name"]] = cells
    except KeyboardInterrupt:
        interrupted = True
    rows = list(done.values())
    if interrupted:
        rows += [row for name, row in earlier.rows.items() if name not in done]
    with (
        atomic_path(output / "manifest.csv") as manifest,
        open(manifest, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return len(done), interrupted
