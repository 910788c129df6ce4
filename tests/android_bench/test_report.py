"""The report: its text, and the page in a real browser."""

import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from browser import visit

from psfr_tf.android_bench.report import write_reports
from psfr_tf.android_bench.report.sections import headlines
from psfr_tf.android_bench.results import Accuracy, Window


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium; Debian: apt install chromium")
    return path


@pytest.fixture(scope="module")
def rows(make_row):
    """Two networks; valid rows, one that fell back to CPU, a failed one, a sustained one."""
    shown = Accuracy(
        reference="restorer_float32.tflite",
        reference_sha256="0",
        psnr_db=41.5,
        equal_labels=0.98,
        picture="pictures/int8.jpg",
        reference_picture="pictures/reference.jpg",
        face_picture="pictures/face.jpg",
    )
    windows = [Window(elapsed_s=10.0 * n, runs=5, p50_ms=10.0 + n) for n in range(1, 7)]
    return [
        make_row(accuracy=shown),
        make_row([[9.0, 9.5, 10.0] * 4] * 3, threads=2),
        make_row([[30.0] * 10] * 3, precision="float32", psnr_db=150.0),
        make_row(delegate="gpu", delegated_nodes=0),
        make_row([], delegate="cpu", failure="no room & <b>no</b> luck"),
        make_row([], sustained_minutes=1.0, windows=windows),
        make_row(weights="other", model="other restorer int8", precision="int8"),
    ]


@pytest.fixture(scope="module")
def report(rows, make_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "pictures").mkdir()
    for name, color in (("face", "gray"), ("reference", "white"), ("int8", "red")):
        Image.new("RGB", (64, 64), color).save(folder / f"pictures/{name}.jpg")
    write_reports([make_results(rows)], folder)
    return folder


class _Texts(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def test_a_browser_shows_it_and_asks_for_nothing(chromium, report, tmp_path):
    (tmp_path / "browser").mkdir()
    page = visit(chromium, report / "report.html", tmp_path / "browser")
    assert page.console == [] and page.requests == []
    for chart in ("scatter", "latency", "memory", "sustained"):
        card = page.dom.split(f'id="psfr_test_64_restorer_{chart}"')[1].split("</svg>")[0]
        assert card.count("<title>") >= 1, chart
    assert page.dom.count("<img") == 3


def test_the_browser_check_sees_what_it_looks_for(chromium, tmp_path):
    """A page with an error and a request: the check above can fail."""
    page = tmp_path / "page.html"
    page.write_text(
        "<p>text</p><script>console.error('seen')</script><img src='http://127.0.0.1:9/a.png'>"
    )
    (tmp_path / "browser").mkdir()
    seen = visit(chromium, page, tmp_path / "browser")
    assert any("seen" in line for line in seen.console)
    assert seen.requests == ["http://127.0.0.1:9/a.png"]


def test_the_page_is_one_file(report):
    html = (report / "report.html").read_text()
    parsed = _Texts(html)
    for tag, attributes in parsed.tags:
        assert tag != "script"
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not re.search(r"url\((?!#)|@import", html)
    assert "default-src 'none'" in html and "prefers-color-scheme:dark" in html


def test_what_the_page_says(report):
    html = (report / "report.html").read_text()
    texts = _Texts(html).texts
    assert "fell back to CPU: gpu took none of the 100 operations" in texts
    assert "no room & <b>no</b> luck" in texts and "<b>no</b>" not in html
    assert {"psfr-test-64 restorer", "other restorer", "100 of 100", "41.5", "equal"} <= set(texts)
    assert "9.50 ± 0.00 ms" not in texts
    # The fastest valid row, in a tile, with its noise and what is as fast within it.
    assert any(re.fullmatch(r"9\.5 ± 0\.\d+ ms", text) for text in texts)
    assert "int8, xnnpack, 2 threads, 45.0 dB" in texts


def test_only_valid_rows_are_drawn_where_they_belong(report):
    """A faster point is further left, a better one higher."""
    drawn = (report / "charts/psfr_test_64_restorer_scatter.svg").read_text()
    found = re.findall(r"<title>([^<]+)</title>.*?<use [^>]*x=\"([\d.]+)\" y=\"([\d.]+)\"", drawn)
    assert sorted(tip for tip, *_ in found) == [
        "float32, xnnpack, 1 thread: 30.0 ms, equal",
        "int8, xnnpack, 1 thread: 10.0 ms, 41.5 dB",
        "int8, xnnpack, 2 threads: 9.5 ms, 45.0 dB",
    ]
    (slow_x, good_y), (_, poor_y), (fast_x, _) = ((float(x), float(y)) for _, x, y in sorted(found))
    assert fast_x < slow_x and good_y < poor_y


def test_charts_are_files_of_their_own(report):
    found = sorted(path.name for path in (report / "charts").iterdir())
    assert "psfr_test_64_restorer_scatter.svg" in found and "other_restorer_latency.svg" in found
    for path in (report / "charts").iterdir():
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_markdown(report):
    text = (report / "report.md").read_text()
    assert "## psfr-test-64 restorer" in text
    assert "| int8 | xnnpack | 2 | 2.00 |" in text
    assert "- int8, gpu, threads 1: fell back to CPU" in text
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (report / target).is_file(), target


def test_two_devices(rows, make_results, tmp_path):
    write_reports([make_results(rows), make_results(rows, name="phone")], tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert "1. bench" in html and "2. phone" in html
    bars = (tmp_path / "charts/psfr_test_64_restorer_latency.svg").read_text()
    assert bars.count("<title>") == 4  # float32 and int8 on each device.


def test_the_headline_names_what_is_as_fast_within_the_noise(make_row, make_results):
    rows = [
        make_row([[9.0, 9.5, 10.0] * 4] * 3, threads=2),
        make_row([[9.1, 9.6, 10.1] * 4] * 3, precision="float16"),
        make_row([[12.0] * 10] * 3, precision="float32"),
    ]
    (headline,) = headlines(make_results(rows)).values()
    assert re.fullmatch(
        r"9\.5 ± 0\.\d+ ms: int8, xnnpack, 2 threads, 45.0 dB; "
        "as fast within the noise: float16, xnnpack, 1 thread",
        headline,
    )
    assert headlines(make_results([make_row([], failure="no")])) == {}


def test_nothing_valid(make_row, make_results, tmp_path):
    write_reports([make_results([make_row([], failure="no")])], tmp_path)
    assert "No row is valid" in (tmp_path / "report.html").read_text()


def test_a_program_that_prints_no_memory_gets_a_report(make_row, make_results, tmp_path):
    row = make_row()
    for process in row.processes:
        process.peak_memory_kb = None
    row.peak_memory_kb = None
    write_reports([make_results([row])], tmp_path)
    names = sorted(path.name for path in (tmp_path / "charts").iterdir())
    assert names == ["psfr_test_64_restorer_latency.svg", "psfr_test_64_restorer_scatter.svg"]
    assert "_memory" not in (tmp_path / "report.md").read_text()


def test_zeros_are_drawn(make_row, make_results, tmp_path):
    windows = [Window(elapsed_s=0.0, runs=1, p50_ms=0.0)]
    rows = [make_row(), make_row([], sustained_minutes=1.0, windows=windows)]
    rows[0].peak_memory_kb = 0
    write_reports([make_results(rows)], tmp_path)
    for path in (tmp_path / "charts").iterdir():
        ElementTree.fromstring(path.read_text())


def test_no_label_equal_is_zero_and_not_unknown(make_row):
    from psfr_tf.android_bench.report.sections import HEADER, cells

    accuracy = {"reference": "r.tflite", "reference_sha256": "0", "psnr_db": 0.0}
    texts = [
        dict(
            zip(
                HEADER,
                cells(make_row(accuracy=Accuracy(**accuracy, equal_labels=share))),
                strict=True,
            )
        )
        for share in (0.0, None)
    ]
    assert "0.00" in texts[0].values() and "0.00" not in texts[1].values()
    assert "0.0" in texts[0].values()


def test_the_report_is_drawn_again_from_the_results(rows, make_results, report, tmp_path, capsys):
    from psfr_tf.android_bench.results import save
    from psfr_tf.cli import main

    shutil.copytree(report / "pictures", tmp_path / "pictures")
    save(make_results(rows), tmp_path)
    assert main.run(main.parse_arguments(["psfr", "benchmark", "report", str(tmp_path)])) == 0
    assert str(tmp_path / "report.html") in capsys.readouterr().out
    files = [path.relative_to(report) for path in report.rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        assert (tmp_path / path).read_bytes() == (report / path).read_bytes(), path
    assert main.run(main.parse_arguments(["psfr", "benchmark", "report", "/none"])) == 1
