"""`report.json` of `psfr restore`, and what it says about an earlier run."""

import argparse
import json
from pathlib import Path

from psfr_tf.cli.reporting import fault, note

# More photos than these get a progress bar in place of a line each.
MOST_LINES = 20
_SETTINGS = ("command", "weights", "model", "precision", "fidelity", "options")
_OPTIONS = (
    *("aligned", "strength", "upscale", "detector", "min_score", "min_face", "faces", "format"),
    *("quality", "strip", "compare", "boxes", "save_faces"),
)
_FINISHED = ("restored", "no_face", "skipped")


def new_report(args: argparse.Namespace, about: dict) -> dict:
    """The report of a run that has done nothing yet.

    Args:
        about: its first entries.
    """
    return {
        **about,
        "options": {name: getattr(args, name) for name in _OPTIONS},
        "interrupted": False,
        "counts": {},
        "seconds": 0.0,
        "skipped_files": [],
        "files": [],
    }


class EarlierRun:
    """The results in an output folder that this run need not make again.

    A result counts if it is newer than its photo and, as far as the report there tells, was made
    from this photo with these settings.

    Args:
        report: of this run, as yet without files.
    """

    def __init__(self, output: Path, report: dict):
        self._output = output
        self._entries: dict[str, dict] = {}
        self._other_settings = False
        try:
            earlier = json.loads((output / "report.json").read_text(encoding="utf-8"))
            self._entries = {e["output"]: e for e in earlier["files"] if "output" in e}
            changed = [key for key in _SETTINGS if earlier.get(key) != report.get(key)]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return  # none, or of no use
        if changed:
            note(f"{output}: made with other settings ({', '.join(changed)}), not skipped")
            self._other_settings = True

    def entry(self, photo: Path, result: str) -> dict | None:
        """The entry of a finished photo for the report; None if it is to be restored.

        Args:
            result: path of its picture in the output folder.
        """
        entry = self._entries.get(result, {"input": str(photo), "output": result})
        if self._other_settings or entry.get("input") != str(photo):
            return None
        if entry.get("status", "skipped") not in _FINISHED:
            return None
        try:
            if (self._output / result).stat().st_mtime < photo.stat().st_mtime:
                return None
        except OSError:
            return None
        return {"faces": [], **entry, "status": "skipped"}


def failed(report: dict, path: str, message: str) -> None:
    """Print and report an input that could not be restored."""
    fault(message)
    report["files"].append({"input": path, "status": "failed", "error": message, "faces": []})


def line(entry: dict) -> str:
    """One finished photo, for a terminal."""
    faces = len(entry["faces"])
    what = "no face, copied" if entry["status"] == "no_face" else f"{faces} face{'s'[: faces != 1]}"
    return f"{entry['input']}: {what} ({entry['seconds']:.1f} s)"


def count(report: dict, inputs: int) -> None:
    statuses = [entry["status"] for entry in report["files"]]
    report["counts"] = {
        "inputs": inputs,
        "restored": statuses.count("restored"),
        "no_face": statuses.count("no_face"),
        "failed": statuses.count("failed"),
        "faces": sum(
            len(entry["faces"]) for entry in report["files"] if entry["status"] != "skipped"
        ),
        "rejected": sum(len(entry.get("rejected", ())) for entry in report["files"]),
    }
    if "skipped" in statuses:
        report["counts"]["skipped"] = statuses.count("skipped")


def print_summary(args: argparse.Namespace, report: dict) -> None:
    counts = report["counts"]
    faces = counts["faces"]
    parts = [f"{counts['restored']} restored ({faces} face{'s'[: faces != 1]})"]
    if counts["no_face"]:
        parts.append(f"{counts['no_face']} without a face, copied")
    if counts["rejected"]:
        many = counts["rejected"] > 1
        rest = "faces left as they are" if many else "face left as it is"
        parts.append(f"{counts['rejected']} doubtful {rest}")
    if "skipped" in counts:
        parts.append(f"{counts['skipped']} skipped, finished before")
    if counts["failed"]:
        parts.append(f"{counts['failed']} failed")
    if report["interrupted"]:
        parts.append("interrupted; finished photos were kept")
        if not args.photo:
            parts[-1] += "; use --skip-existing to continue"
    print(f"{', '.join(parts)} in {report['seconds']:.1f} s: {args.output}")
