"""The same report as Markdown; charts and pictures are files beside it."""

from collections.abc import Sequence

from psfr_tf.android_bench.report.sections import Section, device_facts, device_name, table
from psfr_tf.android_bench.results import Results
from psfr_tf.report.table import Markup, Table, plain

_PICTURES_A_ROW = 4


def markdown(results: Sequence[Results], sections: Sequence[Section], charts: str) -> str:
    """The Markdown document.

    Args:
        results: at least one.
        sections: of `sections.sections(results)`.
        charts: folder of the charts, relative to the document.
    """
    several = len(results) > 1
    parts = ["# LiteRT benchmark"]
    for number, each in enumerate(results):
        parts.append(f"{number + 1}. " * several + plain(device_name(each)))
        parts.append(Table(["", ""], device_facts(each)).markdown())
        parts += [f"Ended early: {plain(each.interrupted)}."] if each.interrupted else []
        parts += ["\n".join(f"- {plain(problem)}" for problem in each.problems)]
    for section in sections:
        parts.append(f"## {plain(section.title)}")
        parts += [f"Fastest valid: {plain(section.summary)}."] if section.summary else []
        drawn = (f"![{name}]({charts}/{section.slug}_{name}.svg)" for name in section.charts)
        parts += ["\n".join(drawn), table(section, several).markdown()]
        reasons = (
            f"- {plain(row.precision or row.model)}, {row.delegate}, threads {row.threads}: "
            f"{plain(reason)}"
            for _, row in section.rows
            for reason in row.reasons
        )
        parts += ["\n".join(reasons), *_pictures(section)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _pictures(section: Section) -> list[str]:
    shown = list(section.pictures.items())
    return [
        Table(
            [caption for _, caption in group],
            [[Markup(f"![{plain(caption)}]({path})") for path, caption in group]],
        ).markdown()
        for group in (
            shown[start : start + _PICTURES_A_ROW]
            for start in range(0, len(shown), _PICTURES_A_ROW)
        )
    ]
