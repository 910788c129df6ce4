"""`psfr restore` over many photos: which they are, several at a time, and the report."""

import argparse
import collections
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from psfr_tf.cli import interrupt
from psfr_tf.cli.output_folder import keep_apart, make_folder, output_names
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
from psfr_tf.errors import UserError
from psfr_tf.machine import available_cores

# Photos in work at once, at most; each may take 10 bytes a pixel.
_MOST_WORKERS = 8
# Larger photos are restored one after the other, so that memory stays that of one.
_LARGE = 24_000_000  # pixels


def restore_photos(args: argparse.Namespace, load: Callable, about: dict) -> int:
    """Restore the photos that `add_photo_arguments` names, and write the report.

    Args:
        load: called without arguments once there is a photo; returns the `FaceRestorer`.
        about: first entries of the report.

    Returns:
        The exit code.
    """
    from psfr_tf.pictures import find_photos, subfolders_of

    started = time.monotonic()
    report = new_report(args, about)
    # Where the results of a folder's photos go; others go straight into the output folder.
    places: dict[Path, Path] = {}
    inputs: list[Path] = []
    for item in dict.fromkeys(map(Path, args.photos)):
        inputs.append(item)
        if args.recursive and os.path.isdir(item):
            for folder in subfolders_of(item, without=args.output):
                places[folder] = folder.relative_to(item)
                inputs.append(folder)
    photos, problems = find_photos(inputs)
    problems = [(folder, why) for folder, why in problems if folder not in places]
    kinds = {"restored": True, "faces": args.save_faces, "compare": args.compare}
    kinds["boxes"] = args.boxes
    results = [args.output / kind for kind, wanted in kinds.items() if wanted]
    within = dict.fromkeys(places.get(photo.parent, Path()) for photo in photos)
    results = [folder / place for folder in results for place in within] or results
    folders = {photo.parent for photo in photos}
    for result in results:
        keep_apart(result, folders, "the results would replace the photos")
    for folder in (args.output, *results):
        make_folder(folder)
    number = len(photos) + len(problems)
    try:
        for folder in inputs:
            if os.path.isdir(folder):
                told = say_skipped(folder, subfolders=not args.recursive)
                report["skipped_files"] += [str(folder / each) for each in told]
        for folder, problem in problems:
            failed(report, str(folder), problem)
        named_photos = list(zip(photos, _names(args, photos, places), strict=True))
        if args.skip_existing:
            named_photos = _unfinished(args, named_photos, report)
        # Whatever becomes of this run, the report is not that of the run before.
        write_report(args.output, **{**report, "interrupted": True})
        _restore_all(args, named_photos, report, load)
    except KeyboardInterrupt:
        report["interrupted"] = True
    count(report, number)
    report["seconds"] = round(time.monotonic() - started, 3)
    write_report(args.output, **report)
    print_summary(args, report)
    return 1 if report["counts"]["failed"] or report["interrupted"] else 0


def _names(args, photos: list[Path], places: dict[Path, Path]) -> list[str]:
    """Of each photo's results, with the subfolder."""
    ending = ".webp" if args.format == "keep" else f".{args.format}"
    room = len("_000_restored.png" if args.save_faces else ending)
    by_place: dict[Path, list[Path]] = {}
    for photo in photos:
        by_place.setdefault(places.get(photo.parent, Path()), []).append(photo)
    names = {}
    for place, there in by_place.items():
        for photo, name in zip(there, output_names(there, args.output, room), strict=True):
            names[photo] = (place / name).as_posix()
    return [names[photo] for photo in photos]


def _unfinished(args: argparse.Namespace, photos: list[tuple[Path, str]], report: dict) -> list:
    """The photos that an earlier run has not finished; the others go to the report."""
    from psfr_tf.cli.restore_photo import result_suffix

    earlier = EarlierRun(args.output, report)
    left = []
    for photo, name in photos:
        entry = earlier.entry(photo, f"restored/{name}{result_suffix(photo, args.format)}")
        if entry is None:
            left.append((photo, name))
        else:
            report["files"].append(entry)
    if len(left) < len(photos):
        print(f"{len(photos) - len(left)} of {len(photos)} photos finished before, skipped")
    return left


class _CannotLoad(Exception):
    """The restorer cannot be loaded, for any photo, for this reason."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason = reason


class _Loaded:
    """Loads the restorer at the first call, not before there is a photo: it takes a moment."""

    def __init__(self, load: Callable) -> None:
        self._load = load
        self._lock = threading.Lock()
        self.restorer = None

    def __call__(self):
        with self._lock:
            if self.restorer is None:
                try:
                    self.restorer = self._load()
                except Exception as error:
                    raise _CannotLoad(error) from error
            return self.restorer


def _restore_all(args, photos: list[tuple[Path, str]], report: dict, load: Callable) -> None:
    """Restore photos, as many at once as there are cores: while one is read or written, another
    runs through the networks. The report has them in their order."""
    loaded = _Loaded(load)
    lines = len(photos) <= MOST_LINES
    workers = max(1, min(_MOST_WORKERS, available_cores(), len(photos)))
    one_at_a_time = threading.Lock()

    def work(path: Path, name: str) -> tuple[dict, list[str]]:
        interrupt.check()  # The main thread may hear of a signal only when it gets a result.
        with one_at_a_time if workers > 1 and _is_large(path) else contextlib.nullcontext():
            return _outcome(args, loaded, path, name)

    def results(pool: ThreadPoolExecutor) -> Iterator[tuple[dict, list[str]]]:
        pending: collections.deque[Future] = collections.deque()

        def oldest() -> tuple[dict, list[str]]:
            result = pending[0].result()  # stays if a signal interrupts the waiting
            pending.popleft()
            return result

        try:
            for path, name in photos:
                interrupt.check()
                pending.append(pool.submit(work, path, name))
                # Bounded: results wait here while an earlier photo takes long.
                if len(pending) >= 2 * workers:
                    yield oldest()
            while pending:
                interrupt.check()
                yield oldest()
        except BaseException as error:
            begun = [future for future in pending if not future.cancel()]
            if isinstance(error, KeyboardInterrupt):  # what is begun ends, and is reported
                for future in begun:
                    yield future.result()
            raise

    try:
        with ThreadPoolExecutor(workers) as pool, contextlib.ExitStack() as stack:
            if not lines:
                from tqdm import tqdm

                bar = stack.enter_context(tqdm(total=len(photos), unit="photo", disable=None))
            for entry, notes in results(pool):
                for text in notes:
                    note(text)
                if entry["status"] == "failed":
                    failed(report, entry["input"], entry["error"])
                else:
                    report["files"].append(entry)
                    if lines and sys.stdout.isatty():
                        print(line(entry))
                if not lines:
                    bar.update()
    except _CannotLoad as error:
        raise error.reason from None
    finally:
        if loaded.restorer is not None:
            report["engine"] = loaded.restorer.engine.name
            report["size"] = loaded.restorer.size


def _outcome(args, loaded: _Loaded, path: Path, name: str) -> tuple[dict, list[str]]:
    """The entry of one photo for the report, and notes; a failure is an entry too."""
    from psfr_tf.cli.restore_photo import restore_one

    started = time.monotonic()
    try:
        entry, notes = restore_one(loaded, args, path, name)
    except UserError as error:
        reason = str(error)
    except MemoryError:
        reason = f"{path}: too large for this computer's memory"
    except OSError as error:
        reason = f"{path}: {os_fault(error, path)}"
    else:
        seconds = round(time.monotonic() - started, 3)
        return {"input": str(path), **entry, "seconds": seconds}, notes
    return {"input": str(path), "status": "failed", "error": reason}, []


def _is_large(path: Path) -> bool:
    from psfr_tf.photo import picture_size

    try:
        width, height = picture_size(path)
    except (UserError, OSError):  # whoever reads it says it
        return False
    return width * height > _LARGE
