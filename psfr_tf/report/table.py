"""One table, as Markdown, CSV, LaTeX or HTML."""

import csv
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from psfr_tf.errors import printable
from psfr_tf.files import write_text

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "°": r"$^\circ$",
    ">": "$>$",
    "<": "$<$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


class Markup(str):
    """A cell that is Markdown or HTML already."""


@dataclass(frozen=True)
class Table:
    """Texts in rows and columns; what they hold is shown and never acted on.

    Attributes:
        header: a text for each column.
        rows: the same; in HTML the last cell of a shorter row spans the rest.
        kinds: HTML class of each row, "" for none; nothing for none at all.
        best: (row, column) of the cells that LaTeX and HTML show bold.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    kinds: Sequence[str] = ()
    best: Collection[tuple[int, int]] = ()

    def markdown(self) -> str:
        """A table of GitHub's Markdown."""
        lines = [self.header, [Markup("---")] * len(self.header), *self.rows]
        return "\n".join("| " + " | ".join(map(plain, line)) + " |" for line in lines)

    def csv(self) -> str:
        """Comma-separated values, the header as the first line."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.rows])
        return text.getvalue()

    def latex(self) -> str:
        """A `tabular` of the package booktabs, first column to the left, others to the right."""
        cells = [[_latex(text) for text in line] for line in [self.header, *self.rows]]
        for row, column in self.best:
            cells[row + 1][column] = rf"\textbf{{{cells[row + 1][column]}}}"
        header, *rows = (" & ".join(line) + r" \\" for line in cells)
        columns = "l" + "r" * (len(self.header) - 1)
        top = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", header, r"\midrule"]
        return "\n".join([*top, *rows, r"\bottomrule", r"\end{tabular}", ""])

    def html(self) -> str:
        """A `table` element."""
        lines = [_html(self.header, "th", "", len(self.header))]
        kinds = self.kinds or [""] * len(self.rows)
        rows = [list(row) for row in self.rows]
        for row, column in self.best:
            rows[row][column] = Markup(f"<b>{escape(rows[row][column])}</b>")
        for cells, kind in zip(rows, kinds, strict=True):
            lines.append(_html(cells, "td", kind, len(self.header)))
        return f"<table>{''.join(lines)}</table>"

    def write(self, folder: Path) -> None:
        """Write `table.csv` and `table.tex`."""
        write_text(folder / "table.csv", self.csv())
        write_text(folder / "table.tex", self.latex())


def plain(text: str) -> str:
    """Text of a phone or a file, so that Markdown shows it and does nothing else with it."""
    if isinstance(text, Markup):
        return text
    # A star begins no emphasis before a space.
    return re.sub(r"(^[#>]|[\\`\[\]<|]|\*(?=\S))", r"\\\1", _line(text))


def _line(text: str) -> str:
    return printable(" ".join(text.split()))


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in _line(text))


def _html(cells: Sequence[str], tag: str, kind: str, columns: int) -> str:
    opening = f'<tr class="{kind}">' if kind else "<tr>"
    parts = []
    for index, text in enumerate(cells, 1):
        rest = columns - index + 1 if index == len(cells) else 1
        span = f' colspan="{rest}"' if rest > 1 else ""
        inner = text if isinstance(text, Markup) else escape(text)
        parts.append(f"<{tag}{span}>{inner}</{tag}>")
    return f"{opening}{''.join(parts)}</tr>"
