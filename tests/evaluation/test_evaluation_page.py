"""The HTML page of a report."""

import base64
import io
import math
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from psfr_tf.evaluation import Sample, evaluate
from psfr_tf.metrics import PSNR, SSIM
from psfr_tf.metrics.choice import Choice
from psfr_tf.report import charts


class Levels:
    """Picture k is 2 (k + 1) levels too bright as input and k + 1 as restored; k = 0 is exact."""

    versions, parsed = ("input", "a <b> & c"), ()
    problems = ("odd <name>.png: no partner",)

    def __init__(self, count):
        self.names = [f"face_{k}" for k in range(count)]

    def load(self, index):
        reference = np.full((32, 48, 3), 90, np.uint8)
        restored = reference + index + 1 if index else reference
        return Sample(
            self.names[index],
            reference,
            {"input": reference + 2 * index + 2, "a <b> & c": restored},
        )


class Collector(HTMLParser):
    """Tags with their attributes, and the text by tag."""

    VOID = ("meta", "img", "input", "link")

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._open = [], [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self._open[-1] if self._open else "", data.strip()))

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


DRAWN = []


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    output = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        draw = charts.histograms
        patch.setattr(charts, "histograms", lambda *all: (DRAWN.append(all), draw(*all)))
        evaluate(Levels(8), Choice([PSNR(), SSIM()]), output, {"title": "T & t", "seed": 0})
    return Collector((output / "index.html").read_text(encoding="utf-8"))


def test_nothing_is_fetched(page):
    for _, attrs in page.tags:
        for name in ("src", "href", "data", "action"):
            assert attrs.get(name, "data:").startswith("data:")
    styles = [text for tag, text in page.texts if tag in ("style", "script")]
    assert len(styles) == 2
    assert not any(word in text for text in styles for word in ("url(", "http", "import", "fetch("))


def test_text_is_escaped(page):
    texts = [text for _, text in page.texts]
    assert ("h1", "T & t") in page.texts and "a <b> & c" in texts
    assert any("odd <name>.png: no partner" in text for text in texts)


def test_table(page):
    cells = [text for tag, text in page.texts if tag in ("td", "b")]
    row = cells[cells.index("PSNR (dB)") :]
    # The exact picture has no finite PSNR, so seven count.
    errors = [20 * math.log10(255 / (2 * k + 2)) for k in range(1, 8)]
    assert row[1:3] == ["higher", f"{np.mean(errors):.2f}"] and row[7] == "7"
    # The better value of each metric is bold; so is the version that the examples are ranked for.
    assert len([text for tag, text in page.texts if tag == "b"]) == 2 + 1


def test_examples_are_the_best_and_the_worst(page):
    captions = [text for tag, text in page.texts if tag == "figcaption"]
    names = [caption.split(":")[0] for caption in captions[:6]]
    assert names == [f"face_{k}" for k in (0, 1, 2, 7, 6, 5)]
    assert captions[0] == "face_0: PSNR inf dB"
    images = page.of("img")
    assert len(images) == 6 * 3 and len(page.of("input")) == 6
    # Input left of the line, the last version right of it.
    assert [image["class"].strip() for image in images[:3]] == ["left", "right", ""]
    data = base64.b64decode(images[3 * 3]["src"].split(",")[1])
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert pixels.shape == (32, 48, 3) and abs(pixels.mean() - (90 + 16)) < 1


def test_histograms_count_every_image(page):
    assert len(page.of("svg")) == len(DRAWN) == 2
    _, edges, counts = DRAWN[0]
    # Seven images with a finite PSNR in every version; the exact one is left out.
    assert [row.sum() for _, row in counts] == [7, 7]
    errors = [20 * math.log10(255 / (k + 1)) for k in (1, 15)]
    assert [edges[-1], edges[0]] == pytest.approx(errors)
    (_, of_input), (_, of_restored) = counts
    assert of_input[0] and of_restored[-1] and not of_input[-1]
