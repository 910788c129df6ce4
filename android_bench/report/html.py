"""One HTML file with everything in it: no script, no other file, no request."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from psfr_tf.android_bench.report.charts import PRECISIONS
from psfr_tf.android_bench.report.charts import STYLE as CHART_STYLE
from psfr_tf.android_bench.report.sections import (
    HEADER,
    Section,
    cells,
    decibels,
    device_facts,
    device_name,
)
from psfr_tf.android_bench.results import Results, Row, picture_file

_STYLE = """
:root{color-scheme:light dark;--page:#f4f6f9;--bad:#b3382c}
@media(prefers-color-scheme:dark){:root{--page:#0f141b;--bad:#ff9384}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1240px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;margin:0 0 2px}h2{font-size:20px;margin:36px 0 12px}
h3{font-size:15px;margin:0 0 8px}
p{margin:0 0 10px}.soft{color:var(--soft)}
.card{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:16px 18px;
margin:0 0 16px;overflow-x:auto}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:0 16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(260px,1fr));gap:16px}
.tile b{display:block;font-size:24px}
dl{columns:2 380px;margin:0}dl div{display:flex;gap:12px;break-inside:avoid}
dt{color:var(--soft);flex:0 0 9em}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:13.5px}
th,td{padding:6px 7px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}tr:last-child td{border-bottom:0}
th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}
.invalid td{color:var(--soft)}.invalid td:last-child,.why{color:var(--bad)}
td.why{white-space:normal;text-align:left;padding-top:0;border-top:0}
.dot{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:7px}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:14px}
figure{margin:0}figure img{width:100%;display:block;border-radius:8px}
figcaption{font-size:13px;margin-top:5px}svg.chart{width:100%;min-width:430px;height:auto;
display:block}
"""


def page(results: Sequence[Results], sections: Sequence[Section], folder: Path) -> str:
    """The HTML document.

    Args:
        results: at least one.
        sections: of `sections.sections(results)`.
        folder: where the pictures of the first results are.
    """
    names = " and ".join(dict.fromkeys(map(device_name, results)))
    body = [
        f"<header><h1>LiteRT benchmark</h1><p class='soft'>{escape(names)}, "
        f"{escape(results[0].created[:10])}</p></header>",
        _tiles(sections),
        '<div class="columns">',
        *(_device(number, each, len(results) > 1) for number, each in enumerate(results)),
        "</div>",
        *(_section(section, len(results) > 1, folder) for section in sections),
        _reading(results[0]),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        # Nothing outside this file is asked for, whatever is in the results.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        '<link rel="icon" href="data:,">'
        f"<title>LiteRT benchmark, {escape(names)}</title><style>{CHART_STYLE}{_STYLE}</style>"
        f"</head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _tiles(sections: Sequence[Section]) -> str:
    tiles = []
    for section in sections:
        if section.summary:
            best, how = section.summary.split(": ", 1)
            tiles.append(
                f'<div class="card tile"><span class="soft">{escape(section.title)}, fastest valid'
                f"</span><b>{escape(best)}</b>{escape(how)}</div>"
            )
    return f'<div class="tiles">{"".join(tiles)}</div>' if tiles else ""


def _device(number: int, results: Results, several: bool) -> str:
    heading = f"{number + 1}. {device_name(results)}" if several else "Measured on"
    facts = "".join(
        f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>"
        for key, value in device_facts(results)
    )
    notes = [f"Ended early: {results.interrupted}."] if results.interrupted else []
    notes += results.problems
    warning = "".join(f'<p class="why">{escape(note)}</p>' for note in notes)
    return f'<section class="card"><h3>{escape(heading)}</h3>{warning}<dl>{facts}</dl></section>'


def _section(section: Section, several: bool, folder: Path) -> str:
    gmac = section.rows[0][1].multiply_adds / 1e9
    size = section.rows[0][1].face_px
    about = [f"{gmac:.2f} G multiply-adds"] + ([f"{size} x {size} pixels"] if size else [])
    # The bars fill the column beside the scatter chart.
    columns = [["scatter"], ["latency", "memory"], ["sustained"]]
    charts = "".join(
        "<div>" + "".join(_card(section, name) for name in column) + "</div>"
        for column in columns
        if any(name in section.charts for name in column)
    )
    charts = charts or "<p class='card why'>No row is valid, so there is nothing to draw.</p>"
    return (
        f"<h2>{escape(section.title)}</h2><p class='soft'>{escape(', '.join(about))}</p>"
        f'<div class="columns">{charts}</div>'
        f'<div class="card">{_table(section, several)}</div>{_pictures(section, folder)}'
    )


def _card(section: Section, name: str) -> str:
    chart = section.charts.get(name)
    return f'<div class="card" id="{section.slug}_{name}">{chart}</div>' if chart else ""


def _table(section: Section, several: bool) -> str:
    header = ([""] if several else []) + list(HEADER)
    lines = ["<tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>"]
    for number, row in section.rows:
        texts = [escape(text) for text in cells(row)]
        texts[0] = f'<span class="dot" style="background:{_colour(row)}"></span>{texts[0]}'
        if several:
            texts.insert(0, f"{number + 1}.")
        kind = "" if row.valid else ' class="invalid"'
        lines.append(f"<tr{kind}>" + "".join(f"<td>{text}</td>" for text in texts) + "</tr>")
        if row.reasons:
            why = escape("; ".join(row.reasons))
            lines.append(f'<tr><td class="why" colspan="{len(header)}">{why}</td></tr>')
    return f"<table>{''.join(lines)}</table>"


def _pictures(section: Section, folder: Path) -> str:
    """Input, reference and the output of each variant and delegate of the first results."""
    shown: dict[str, str] = {}
    rows = [row for number, row in section.rows if number == 0 and row.accuracy]
    for row in rows:
        accuracy = row.accuracy
        shown.setdefault(accuracy.face_picture, "before: the damaged face")
        shown.setdefault(accuracy.reference_picture, f"reference: {accuracy.reference}")
    for row in rows:
        caption = f"{row.precision or row.model}, {row.delegate}"
        if row.accuracy.psnr_db is not None:
            caption += f": {decibels(row.accuracy.psnr_db)} dB"
        shown.setdefault(row.accuracy.picture, caption)
    figures = []
    for path, caption in shown.items():
        file = picture_file(folder, path)
        if file:
            data = base64.b64encode(file.read_bytes()).decode()
            figures.append(
                f'<figure><img alt="{escape(caption)}" src="data:image/jpeg;base64,{data}">'
                f"<figcaption>{escape(caption)}</figcaption></figure>"
            )
    if not figures:
        return ""
    grid = f'<div class="pictures">{"".join(figures)}</div>'
    return f'<div class="card"><h3>Before and after</h3>{grid}</div>'


def _reading(results: Results) -> str:
    return (
        '<p class="soft">p50 ± noise: half of the 95 % interval of the median, over '
        f"{results.plan.processes} fresh processes per row. Init: load, apply the delegate, "
        "allocate. First: the first inference. Peak memory is that of the whole process. "
        "Delegated: operations that the delegate runs, of all. PSNR and labels: the output for a "
        "fixed face beside the float32 file's, by LiteRT's own kernels on the host.</p>"
    )


def _colour(row: Row) -> str:
    return f"var(--{row.precision if row.precision in PRECISIONS else 'other'})"
