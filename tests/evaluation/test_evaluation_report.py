"""Summaries, tables, contact sheet and report of an evaluation, from samples in memory."""

import csv
import dataclasses
import json
import math

import numpy as np
import pytest
from PIL import Image

from psfr_tf.errors import UserError
from psfr_tf.evaluation import Sample, evaluate
from psfr_tf.evaluation.aggregate import MetricSummary
from psfr_tf.evaluation.contact_sheet import draw_contact_sheet, evenly_spaced
from psfr_tf.evaluation.table import markdown, parsings
from psfr_tf.labels import colorize
from psfr_tf.metrics import MSSSIM, PSNR, LandmarkDistance
from psfr_tf.metrics.choice import Choice

VERSIONS = ("input", "restored")


class SamplesInMemory:
    """Gray pictures whose input is 20 and whose restored version is 10 too bright.

    The picture named "same" is restored perfectly; the one named "broken" cannot be read.
    """

    versions = VERSIONS
    parsed = ("restored",)
    problems = ("stray.png: has no partner",)

    def __init__(self, *names):
        self.names = names

    def load(self, index):
        name = self.names[index]
        if name == "broken":
            raise UserError("broken.png: not an image")
        reference = np.full((32, 32, 3), 100, np.uint8)
        restored = reference + (0 if name == "same" else 10)
        labels = np.zeros((32, 32), np.uint8)
        labels[:16] = 13
        return Sample(
            name,
            reference,
            {"input": reference + 20, "restored": restored},
            parsing={"restored": labels},
            reference_parsing=np.full((32, 32), 13, np.uint8),
        )


def level_db(error):
    return 20 * math.log10(255 / error)


def test_a_perfect_input_does_not_leave_the_results_out(tmp_path):
    class Undamaged(SamplesInMemory):
        def load(self, index):
            sample = super().load(index)
            return dataclasses.replace(
                sample, versions={**sample.versions, "input": sample.reference}
            )

    source, choice = Undamaged("a", "b"), Choice([PSNR()])
    report = evaluate(source, choice, tmp_path / "undamaged", {})
    psnr = report["metrics"]["psnr"]
    assert psnr["perfect"] == ["input"] and psnr["images"] == 2
    assert psnr["mean"] == {"input": None, "restored": pytest.approx(level_db(10))}
    assert psnr["difference"] == {"restored": None} and psnr["images_improved"]["restored"] == 0
    text = markdown(report)
    assert "| perfect | 28.13 | n/a |  | 0 of 2 | 2 |" in text and "infinite" not in text
    # Of images that are equal everywhere there is nothing to average.
    report = evaluate(SamplesInMemory("same"), choice, tmp_path / "same", {})
    assert report["metrics"]["psnr"]["perfect"] == ["restored"]


def test_means_are_over_the_same_images():
    values = np.array([[4.0, 2.0], [math.nan, 100.0], [6.0, 8.0]])
    result = MetricSummary(LandmarkDistance(lambda image: None), VERSIONS, values).result()
    assert result["images"] == 2
    assert result["mean"] == {"input": 5.0, "restored": 5.0}
    assert result["standard_deviation"]["input"] == pytest.approx(math.sqrt(2))
    assert result["difference"] == {"restored": 0.0}
    assert result["images_improved"] == {"restored": 1}
    assert result["not_finite"] == {"input": 1, "restored": 0}


def test_summary_of_nothing_has_no_mean():
    result = MetricSummary(PSNR(), ("restored",), np.empty((0, 1))).result()
    assert result["mean"] == {"restored": None} and result["difference"] == {}
    assert result["standard_deviation"] == {"restored": None}


def test_report_and_files(tmp_path, capsys):
    source = SamplesInMemory("a", "broken", "same", "c")
    settings = {"seed": 3}
    report = evaluate(
        source, Choice([PSNR(), MSSSIM()]), tmp_path / "out", settings, save_images=True
    )

    psnr = report["metrics"]["psnr"]
    # "same" is infinite when restored and left out of both means.
    assert psnr["mean"]["input"] == pytest.approx(level_db(20))
    assert psnr["difference"]["restored"] == pytest.approx(20 * math.log10(2))
    assert (psnr["images"], psnr["images_improved"]["restored"]) == (2, 2)
    assert psnr["not_finite"] == {"input": 0, "restored": 1}
    assert report["images"] == 3
    # Sides of 32 are too small for MS-SSIM: stated, not an error.
    assert report["metrics"]["ms_ssim"]["images"] == 0
    assert report["problems"] == ["stray.png: has no partner", "broken.png: not an image"]
    assert "psfr: error: broken.png: not an image" in capsys.readouterr().err

    parsing = report["parsing"]["restored"]
    assert parsing["mean_iou"] == parsing["per_class"]["hair"]["iou"] == 0.5
    assert parsing["per_class"]["background"]["iou"] == 0.0
    assert parsing["per_class"]["hat"]["iou"] is None
    assert parsing["classes_present"] == 1
    again = {**report, "parsing": {"restored": parsing, "other": {**parsing, "images": 9}}}
    again["parsing"]["faithful"] = dict(parsing)
    assert [names for names, _ in parsings(again)] == ["restored, faithful", "other"]
    assert markdown(again).count("| parsing class |") == 2

    out = tmp_path / "out"
    assert json.loads((out / "report.json").read_text()) == report
    assert report["settings"] == settings and "numpy" in report["software"]
    with open(out / "per_image.csv", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["a", "same", "c"]
    assert float(rows["a"]["psnr_input"]) == pytest.approx(level_db(20), abs=1e-4)
    assert rows["same"]["psnr_restored"] == "inf"
    assert rows["a"]["ms_ssim_restored"] == ""
    assert sorted(p.name for p in (out / "restored").iterdir()) == ["a.png", "c.png", "same.png"]
    assert np.asarray(Image.open(out / "restored" / "a.png"))[0, 0].tolist() == [110] * 3


def test_table_is_markdown(tmp_path):
    report = evaluate(SamplesInMemory("a", "same"), Choice([PSNR()]), tmp_path, {"seed": 3})
    lines = markdown(report).splitlines()
    assert lines[0] == "2 images, seed 3."
    assert (
        lines[2]
        == "| metric | better | input | restored | difference | 95 % interval | improved | images |"
    )
    assert lines[4] == "| PSNR (dB) | higher | 22.11 | 28.13 | +6.02 |  | 1 of 1 | 1 |"
    assert "restored 1" in lines[6]
    assert "| hair | 0.500 | 100.00 |" in lines
    assert "| hat | n/a | 0.00 |" in lines
    assert lines[-1] == "- stray.png: has no partner"
    assert (tmp_path / "table.md").read_text() == markdown(report)


def test_contact_sheet_shows_every_picture(tmp_path):
    evaluate(SamplesInMemory(*"abcdefghijklmnopqr"), Choice([PSNR()]), tmp_path, {})
    sheet = np.asarray(Image.open(tmp_path / "contact_sheet.png"))
    assert sheet.shape == (24 + 16 * 36, 4 + 4 * 36, 3)
    # Middles of the cells of the second row: input, parsing, restored, original.
    row = sheet[24 + 36 + 24, 20::36]
    expected = [[120] * 3, colorize(np.array([[0]]))[0, 0].tolist(), [110] * 3, [100] * 3]
    assert row.tolist() == expected


def test_contact_sheet_reduces_large_pictures():
    large = np.full((512, 256, 3), 7, np.uint8)
    sheet = draw_contact_sheet([{"restored": large, "original": large}], cell=64)
    assert sheet.shape == (24 + 68, 4 + 2 * 36, 3)
    with pytest.raises(ValueError, match="at least one row"):
        draw_contact_sheet([])


def test_evenly_spaced():
    assert evenly_spaced(54, 8) == [0, 8, 15, 23, 30, 38, 45, 53]
    assert evenly_spaced(3, 8) == [0, 1, 2]


def test_nothing_measured_is_an_error(tmp_path):
    with pytest.raises(UserError, match="No image could be evaluated"):
        evaluate(SamplesInMemory("broken"), Choice([PSNR()]), tmp_path, {})
    assert not (tmp_path / "report.json").exists()
