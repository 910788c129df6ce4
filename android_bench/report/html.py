"""The report as one HTML file: no script, no other file, no request."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from psfr_tf.android_bench.report.sections import Section, device_facts, device_name, table
from psfr_tf.android_bench.results import Results, picture_file
from psfr_tf.errors import UserError
from psfr_tf.photo import read_photo
from psfr_tf.report.page import page, picture_uri

# Of a picture, in pixels; the files beside the report are larger.
_LONGEST_SIDE = 224


def html(results: Sequence[Results], sections: Sequence[Section], folder: Path) -> str:
    """The HTML document.

    Args:
        results: at least one.
        sections: of `sections.sections(results)`.
        folder: where the pictures of the first results are.
    """
    names = " and ".join(dict.fromkeys(map(device_name, results)))
    several = len(results) > 1
    body = [
        f"<header><h1>LiteRT benchmark</h1><p class='soft'>{escape(names)}, "
        f"{escape(results[0].created[:10])}</p></header>",
        _tiles(sections),
        '<div class="columns">',
        *(
            _device(f"{n}. {device_name(r)}" if several else "Measured on", r)
            for n, r in enumerate(results, 1)
        ),
        "</div>",
        *(_section(section, several, folder) for section in sections),
        '<p class="soft">p50 ± noise: half of the 95 % interval of the median, over '
        f"{results[0].plan.processes} fresh processes per row. Init: load, apply the delegate, "
        "allocate. First: the first inference. Peak memory is that of the whole process. "
        "Delegated: operations that the delegate runs, of all. PSNR and labels: the output for a "
        "fixed face beside the float32 file's, by LiteRT's own kernels on the host.</p>",
    ]
    return page(f"LiteRT benchmark, {names}", "".join(body))


def _tiles(sections: Sequence[Section]) -> str:
    tiles = []
    for section in sections:
        best, _, how = section.summary.partition(": ")
        if best:
            tiles.append(
                f'<div class="card tile"><span class="soft">{escape(section.title)}, fastest valid'
                f"</span><b>{escape(best)}</b>{escape(how)}</div>"
            )
    return f'<div class="tiles">{"".join(tiles)}</div>' if tiles else ""


def _device(heading: str, results: Results) -> str:
    facts = "".join(
        f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>"
        for key, value in device_facts(results)
    )
    notes = [f"Ended early: {results.interrupted}."] if results.interrupted else []
    warning = "".join(f'<p class="why">{escape(note)}</p>' for note in notes + results.problems)
    return f'<section class="card"><h3>{escape(heading)}</h3>{warning}<dl>{facts}</dl></section>'


def _section(section: Section, several: bool, folder: Path) -> str:
    first = section.rows[0][1]
    about = f"{first.multiply_adds / 1e9:.2f} G multiply-adds in the file"
    about += f", {first.face_px} x {first.face_px} pixels" if first.face_px else ""
    # The bars fill the column beside the scatter chart.
    columns = [["scatter"], ["latency", "memory"], ["sustained"]]
    charts = "".join(
        f"<div>{''.join(cards)}</div>"
        for column in columns
        if (
            cards := [
                f'<div class="card" id="{section.slug}_{name}">{section.charts[name]}</div>'
                for name in column
                if name in section.charts
            ]
        )
    )
    charts = charts or "<p class='card why'>No row is valid, so there is nothing to draw.</p>"
    return (
        f"<h2>{escape(section.title)}</h2><p class='soft'>{about}</p>"
        f'<div class="columns">{charts}</div>'
        f'<div class="card">{table(section, several, reasons=True).html()}</div>'
        f"{_pictures(section, folder)}"
    )


def _pictures(section: Section, folder: Path) -> str:
    """Input, reference and the output of each variant and delegate of the first results."""
    figures = []
    for path, caption in section.pictures.items():
        file = picture_file(folder, path)
        if file is None:
            continue
        try:
            address = picture_uri(read_photo(file).rgb, _LONGEST_SIDE)
        except UserError:  # the file is not what it was
            continue
        figures.append(
            f'<figure><img alt="{escape(caption)}" src="{address}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
    if not figures:
        return ""
    grid = f'<div class="pictures">{"".join(figures)}</div>'
    return f'<div class="card"><h3>Before and after</h3>{grid}</div>'
