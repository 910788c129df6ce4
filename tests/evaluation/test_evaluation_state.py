"""Evaluations that stop and go on, with damage; and what they leave behind."""

import csv
import json
import math

import numpy as np
import pytest

from psfr_tf.errors import UserError
from psfr_tf.evaluation import Sample, evaluate
from psfr_tf.evaluation.state import EvaluationState
from psfr_tf.metrics import PSNR, SSIM
from psfr_tf.metrics.choice import Choice
from psfr_tf.metrics.fid import FeatureStatistics, frechet_distance

FIELDS = {"values": ((2, 1), np.float64), "features": ((3,), np.float32)}


def state_of(folder, settings=None):
    return EvaluationState(folder, settings or {"seed": 0}, FIELDS)


def numbers(k):
    return {"values": [[k / 3], [math.nan]], "features": np.full(3, k)}


@pytest.fixture
def begun(tmp_path):
    state = state_of(tmp_path)
    for k in range(4):
        state.append(k + 10, numbers(k))
    return tmp_path


def test_state_survives(begun):
    state = state_of(begun)
    records = state.records()
    assert state.places == [10, 11, 12, 13]
    assert records["values"][1, 0] == 1 / 3 and np.isnan(records["values"][1, 1])
    assert records["features"].tolist() == [[k] * 3 for k in range(4)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda records, size: records[:-1],
        lambda records, size: records[: -size + 1],
        lambda records, size: records[:-size] + b"\0" * size,
        lambda records, size: records[:-4] + b"\0" * (4 + size),
        lambda records, size: records[:-size] + b"\xff" * (size + 7),
    ],
)
def test_what_is_not_whole_is_dropped(begun, damage):
    path = begun / "records.bin"
    before = path.read_bytes()
    path.write_bytes(damage(before, len(before) // 4))
    state = state_of(begun)
    assert state.places == [10, 11, 12] and len(state.records()) == 3
    state.append(13, numbers(3))
    assert path.read_bytes() == before and state_of(begun).places == [10, 11, 12, 13]


def test_nothing_measured_yet(tmp_path):
    state = state_of(tmp_path / "new")
    assert state.places == [] and state.records()["values"].shape == (0, 2, 1)
    state.remove()
    assert not (tmp_path / "new").exists()


def test_other_settings_are_refused(begun):
    with pytest.raises(UserError, match=r"other settings \(seed\); finish it"):
        state_of(begun, {"seed": 1})
    (begun / "settings.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        state_of(begun)


class Colors:
    """A stand-in for FID's network: three features."""

    name, label, unit, higher_is_better, source = "fid", "FID", "", False, "here"
    length = 3

    def features(self, images):
        return np.stack([image.mean((0, 1)) for image in images]).astype(np.float32)


class Noise:
    """Noisy versions of random pictures; counts what is loaded, and may stop at an image."""

    versions, parsed, problems = ("input", "restored"), ("restored",), ()

    def __init__(self, count, stop_at=None):
        self.names = [f"n{k}" for k in range(count)]
        self.stop_at, self.loaded = stop_at, []

    def load(self, index):
        if index == self.stop_at:
            raise KeyboardInterrupt
        self.loaded.append(index)
        rng = np.random.default_rng(index)
        reference = rng.integers(40, 200, (24, 24, 3)).astype(np.uint8)
        noisy, better = (
            (reference + rng.normal(0, sigma, reference.shape)).astype(np.uint8) for sigma in (9, 3)
        )
        labels = rng.integers(0, 19, (2, 24, 24)).astype(np.uint8)
        versions = {"input": noisy, "restored": better}
        return Sample(self.names[index], reference, versions, {"restored": labels[0]}, labels[1])


def run(source, output):
    return evaluate(source, Choice([PSNR(), SSIM()], Colors()), output, {"seed": 0})


def test_stopped_evaluation_goes_on_and_ends_the_same(tmp_path):
    whole = run(Noise(9), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(Noise(9, stop_at=6), tmp_path / "parts")
    unfinished = tmp_path / "parts" / "unfinished"
    records = unfinished / "records.bin"
    records.write_bytes(records.read_bytes()[:-7])
    again = Noise(9)
    parts = run(again, tmp_path / "parts")
    # The damaged image and what had not been reached; after that the examples of the page.
    assert again.loaded[:4] == [5, 6, 7, 8]
    assert parts == whole
    for name in ("report.json", "per_image.csv", "index.html", "contact_sheet.png", "table.md"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not unfinished.exists()


def test_numbers_of_the_report(tmp_path):
    source = Noise(9)
    report = run(source, tmp_path)
    samples = [source.load(k) for k in range(9)]
    values = [PSNR().compare([s.versions["restored"]], s.reference)[0] for s in samples]
    psnr = report["metrics"]["psnr"]
    assert psnr["mean"]["restored"] == pytest.approx(np.mean(values))
    assert psnr["standard_deviation"]["restored"] == pytest.approx(np.std(values, ddof=1))
    with open(tmp_path / "per_image.csv", newline="") as file:
        found = [float(row["psnr_restored"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(found, values, rtol=1e-9)

    def statistics(pictures):
        features = np.array([p.mean((0, 1)) for p in pictures], np.float32).astype(float)
        return FeatureStatistics(features.mean(0), np.cov(features.T))

    expected = frechet_distance(
        statistics([s.versions["input"] for s in samples]),
        statistics([s.reference for s in samples]),
    )
    assert report["fid"]["value"]["input"] == pytest.approx(expected)
    assert report["fid"]["reference_images"] == 9
    assert "biased" in report["notes"][0]
    # The statistics that were written give the same distance when they are given.
    reference = FeatureStatistics.load(tmp_path / "fid_reference.npz")
    choice = Choice([PSNR()], Colors())
    again = evaluate(Noise(9), choice, tmp_path / "again", {}, fid_reference=reference)
    assert again["fid"]["value"] == pytest.approx(report["fid"]["value"])
    parsing = np.mean([s.parsing["restored"] == s.reference_parsing for s in samples])
    assert report["parsing"]["restored"]["pixel_accuracy"] == pytest.approx(parsing)
    assert json.loads((tmp_path / "report.json").read_text()) == report
