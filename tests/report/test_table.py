"""Tables in four forms, and the skeleton of a page."""

import csv
import io

import numpy as np
import pytest

from psfr_tf.report.page import page, picture_uri
from psfr_tf.report.table import Markup, Table

HOSTILE = ["a|b <img src=x> [c](d) *e*", "# f\n# g", "\x1b[2J", "h & i_j 50 % ± L* k"]
TABLE = Table(["w", "x", "y", "z"], [HOSTILE, [Markup("**m**"), "n"]], ["bad", ""])


def test_markdown_shows_text_and_does_nothing_else():
    lines = TABLE.markdown().splitlines()
    assert lines[:2] == ["| w | x | y | z |", "| --- | --- | --- | --- |"]
    assert lines[2] == (
        r"| a\|b \<img src=x> \[c\](d) \*e* | \# f # g | \\x1b\[2J | h & i_j 50 % ± L* k |"
    )
    assert lines[3] == "| **m** | n |"


def test_csv_gives_the_texts_back():
    assert list(csv.reader(io.StringIO(TABLE.csv()))) == [
        ["w", "x", "y", "z"],
        HOSTILE,
        ["**m**", "n"],
    ]


def test_latex():
    text = TABLE.latex()
    assert text.startswith("\\begin{tabular}{lrrr}\n\\toprule\nw & x & y & z \\\\\n\\midrule\n")
    assert r"h \& i\_j 50 \% $\pm$ L* k \\" in text and r"\# f \# g" in text
    assert r"a|b $<$img src=x$>$" in text and r"\textbackslash{}x1b[2J" in text
    assert text.endswith("\\bottomrule\n\\end{tabular}\n")


def test_html():
    text = TABLE.html()
    assert '<tr class="bad"><td>a|b &lt;img src=x&gt; [c](d) *e*</td>' in text
    # The last cell of a shorter row spans the rest.
    assert '<tr><td>**m**</td><td colspan="3">n</td></tr>' in text


def test_written_files(tmp_path):
    TABLE.write(tmp_path)
    assert (tmp_path / "table.csv").read_text(encoding="utf-8").startswith("w,x,y,z\n")
    assert (tmp_path / "table.tex").read_text(encoding="utf-8") == TABLE.latex()


def test_a_page_runs_its_own_script_only():
    text = page("<t> & $x", "<p>$5</p>", "show();")
    assert "<title>&lt;t&gt; &amp; $x</title>" in text and "<p>$5</p>" in text
    assert "script-src 'sha256-" in text and "<script>show();</script>" in text
    assert "script-src 'none'" in page("t", "") and "<script" not in page("t", "")


@pytest.mark.parametrize("shape", [(32, 48, 3), (600, 300, 3)])
def test_a_picture_in_a_page_is_small(shape):
    import base64

    from PIL import Image

    kind, data = picture_uri(np.full(shape, 90, np.uint8), 256).split(",")
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert kind == "data:image/webp;base64" and abs(found.mean() - 90) < 2
    assert found.shape == (shape if max(shape) <= 256 else (256, 128, 3))
