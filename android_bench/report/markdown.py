"""The same report as Markdown; charts and pictures are files beside it."""

import re
from collections.abc import Sequence
from pathlib import Path

from psfr_tf.android_bench.report.sections import (
    HEADER,
    Section,
    cells,
    decibels,
    device_facts,
    device_name,
)
from psfr_tf.android_bench.results import Results, picture_file


def markdown(
    results: Sequence[Results], sections: Sequence[Section], charts: str, folder: Path
) -> str:
    """The Markdown document.

    Args:
        results: at least one.
        sections: of `sections.sections(results)`.
        charts: folder of the charts, relative to the document.
        folder: of the document; pictures that are not in it are left out.
    """
    several = len(results) > 1
    lines = ["# LiteRT benchmark", ""]
    for number, each in enumerate(results):
        prefix = f"{number + 1}. " if several else ""
        lines += [f"{prefix}{_plain(device_name(each))}", ""]
        lines += [*_table(["", ""], device_facts(each)), ""]
        lines += [f"Ended early: {_plain(each.interrupted)}.", ""] if each.interrupted else []
        lines += [f"- {_plain(problem)}" for problem in each.problems]
    for section in sections:
        lines += [f"## {_plain(section.title)}", ""]
        if section.summary:
            lines += [f"Fastest valid: {_plain(section.summary)}.", ""]
        for name in section.charts:
            lines.append(f"![{name}]({charts}/{section.slug}_{name}.svg)")
        header = ([""] if several else []) + list(HEADER)
        rows = [([f"{n + 1}."] if several else []) + cells(row) for n, row in section.rows]
        lines += ["", *_table(header, rows), ""]
        reasons = [
            f"- {_plain(row.precision or row.model)}, {row.delegate}, threads {row.threads}: "
            f"{_plain(reason)}"
            for _, row in section.rows
            for reason in row.reasons
        ]
        lines += [*reasons, ""] if reasons else []
        lines += _pictures(section, folder)
    return "\n".join(lines).rstrip() + "\n"


def _pictures(section: Section, folder: Path) -> list[str]:
    shown: dict[str, str] = {}
    rows = [row for number, row in section.rows if number == 0 and row.accuracy]
    for row in rows:
        shown.setdefault(row.accuracy.face_picture, "before")
        shown.setdefault(row.accuracy.reference_picture, "reference")
    for row in rows:
        caption = f"{row.precision or row.model}, {row.delegate}"
        shown.setdefault(row.accuracy.picture, f"{caption}: {decibels(row.accuracy.psnr_db)} dB")
    cells = [(caption, path) for path, caption in shown.items() if picture_file(folder, path)]
    lines = []
    for start in range(0, len(cells), 4):
        group = cells[start : start + 4]
        pictures = [f"![{_plain(caption)}]({path})" for caption, path in group]
        lines += [*_table([caption for caption, _ in group], []), f"| {' | '.join(pictures)} |", ""]
    return lines


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(map(_plain, row)) + " |" for row in lines]


def _plain(text: str) -> str:
    """Text of a phone or a file, so that Markdown shows it and does nothing else with it."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(text.split()))
