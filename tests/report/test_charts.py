"""Charts: what is drawn, and what the SVG is made of."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from psfr_tf.report import charts
from psfr_tf.report.charts import Bar


def test_bars_are_as_long_as_their_values_say():
    _, (axis,) = charts.panels(400, 200)
    charts.bars(axis, "x (ms)", [Bar("a", charts.SERIES[0], 10.0), Bar("a", charts.SERIES[1], 0.0)])
    assert [patch.get_width() for patch in axis.patches] == [10.0, 0.0]
    # From top to bottom; the label of bars that belong together stands once.
    (first, second), labels = axis.get_yticks(), [t.get_text() for t in axis.get_yticklabels()]
    assert axis.get_ylim()[0] > second > first and labels == ["a", ""]
    assert [text.get_text() for text in axis.texts] == ["10.0", "0.0"]


def test_an_svg_is_text_in_the_colors_of_the_page():
    odd = '$x^2$ <b> & "q": 1.2345; y'

    def draw():
        figure, (axis,) = charts.panels(400, 200)
        charts.bars(axis, odd, [Bar("int8", charts.color("int8"), 3.14159, tip=odd)])
        return charts.svg(figure, odd)

    text = draw()
    root = ElementTree.fromstring(charts.standalone(text))
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("aria-label") == odd
    assert [element.text for element in root.iter(f"{space}title")] == [odd]
    assert odd in [element.text for element in root.iter(f"{space}text")]
    used = set(re.findall(r"var\(--([\w-]+)\)", text))
    assert {"int8"} <= used <= set(charts.THEME)
    assert not re.search("#[0-9a-f]{6}", text)  # every color of this chart follows the page
    assert "--int8:" in charts.standalone(text) and "--int8:" not in text
    assert text == draw()


def test_a_picture_with_a_panel_for_each_quantity(tmp_path):
    rows = [("one", charts.color("float32")), ("one", charts.color("int8"))]
    charts.write_bars(tmp_path / "a.png", "title", rows, {"ms": [4.0, 1.0], "MB": [1.0, 2.0]})
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    for panel, ratio in zip(np.array_split(picture, 2, axis=1), (4, 0.5), strict=True):
        areas = [
            (panel == [int(color[k : k + 2], 16) for k in (1, 3, 5)]).all(-1).sum()
            for _, color in rows
        ]
        assert areas[0] / areas[1] == pytest.approx(ratio, rel=0.1)


def test_as_many_histograms_as_there_are_though_colors_come_again():
    _, (axis,) = charts.panels(300, 200)
    counts = [(charts.series(k), np.array([k, 1])) for k in range(len(charts.SERIES) + 1)]
    charts.histograms(axis, [0.0, 1.0, 2.0], counts)
    assert len(axis.patches) == 2 * len(counts)


def test_panels_that_are_not_needed_are_not_there():
    figure, axes = charts.panels(300, 200, 2, 2, count=3)
    assert len(axes) == len(figure.axes) == 3
    charts.lines(axes[0], {"one": ([1], [2.0]), "two": ([1, 2], [2.0, 3.0])})
    assert [line.get_marker() for line in axes[0].lines] == ["o", "None"]


def test_long_names_and_signs_without_a_glyph_leave_the_chart_as_it_is(recwarn):
    figure, (axis,) = charts.panels(400, 100)
    charts.bars(axis, "模型", [Bar("模型" * 200, charts.SERIES[0], 3.0)])
    text = charts.svg(figure, "模型")
    assert "模型" in text and "…" in text and not recwarn
    assert axis.get_position().width > 0.3
