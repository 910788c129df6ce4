"""`psfr export litert` on a small model: every file is written, described and verified."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from psfr_tf.cli import main
from psfr_tf.engines.litert import interpreter_class
from psfr_tf.engines.litert_metadata import read_metadata
from psfr_tf.export import LiteRTEngine, file_export
from psfr_tf.export.variants import PARTS, VARIANTS, Variant
from psfr_tf.labels import LABELS
from psfr_tf.model_folder import load_model_folder

pytestmark = pytest.mark.slow


def test_every_part_and_precision_is_there(exported):
    output, report = exported
    names = {f"{part}_{precision}.tflite" for part in PARTS for precision in VARIANTS}
    samples = {f"sample_restored_{precision}.bin" for precision in VARIANTS}
    assert {path.name for path in output.iterdir()} == names | samples | {
        "sample_lq.bin",
        "samples.json",
        "report.json",
        "table.md",
        "chart.png",
    }
    assert {entry["file"] for entry in report["files"]} == names
    assert json.loads((output / "report.json").read_text()) == report
    table = (output / "table.md").read_text()
    assert all(name in table for name in names)
    assert Image.open(output / "chart.png").width > 500


def test_files_are_one_delegate_partition(exported):
    for entry in exported[1]["files"]:
        assert entry["delegate_partitions"] == 1, entry["file"]
        labels = ["ARG_MAX", "CAST"] if entry["part"] == "restorer" else []
        assert entry["operations_outside_delegate"] == labels, entry["file"]


def test_figures_are_in_the_order_of_the_precisions(exported):
    entries = {(entry["part"], entry["precision"]): entry for entry in exported[1]["files"]}
    psnr = [entries["generator", precision]["psnr_db"] for precision in VARIANTS]
    float32, float16, dynamic, weights, static = psnr
    assert float32 > 90 and float32 > float16 > weights > dynamic
    assert 10 < static < weights
    assert entries["parsing", "float32"]["equal_labels"] > 0.999
    size = {key: entry["size_bytes"] for key, entry in entries.items()}
    assert size["restorer", "int8-dynamic"] < size["restorer", "float16"]
    assert size["restorer", "float16"] < size["restorer", "float32"]
    for part in PARTS:
        assert ("psnr_db" in entries[part, "int8"]) == (part != "parsing")
        assert ("equal_labels" in entries[part, "int8"]) == (part != "generator")


def test_files_describe_themselves(exported, small_model, monkeypatch):
    output, _ = exported
    for path in output.glob("*.tflite"):
        metadata = read_metadata(path.read_bytes())
        assert metadata["labels"] == list(LABELS) and metadata["license"] == "CC0"
        assert metadata["name"] == small_model.name
        assert metadata["input_size"] == [64, 64] and "-1 to 1" in metadata["lq"]
        assert path.name == f"{metadata['part']}_{metadata['precision']}.tflite"
    monkeypatch.chdir(small_model)
    assert file_export._metadata(load_model_folder("."), None, "1")["name"] == small_model.name


def test_parts_chained_equal_the_whole(exported):
    output, _ = exported
    lq = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 3)).repeat(8, 1).repeat(8, 2)
    lq = lq.astype(np.float32)

    def run(part, **inputs):
        interpreter = interpreter_class()(model_path=str(output / f"{part}_float32.tflite"))
        return interpreter.get_signature_runner()(**inputs)

    whole = run("restorer", lq=lq)
    labels = run("parsing", lq=lq)["parsing"].argmax(-1)
    np.testing.assert_array_equal(labels, whole["labels"])
    restored = run("generator", lq=lq, parsing=np.eye(19, dtype=np.float32)[labels])["restored"]
    assert np.mean(np.abs(restored - whole["restored"])) < 1e-3


def test_the_runner_reads_every_restorer(exported, small_model):
    output, _ = exported
    faces = np.random.default_rng(1).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    logits = load_model_folder(small_model).parsing_network(faces)["logits"]
    for precision in VARIANTS:
        restored, labels = LiteRTEngine(output / f"restorer_{precision}.tflite").run(faces)
        assert restored.shape == (2, 64, 64, 3)
        assert np.mean(labels == np.argmax(logits, -1)) > 0.8, precision


def test_a_file_worse_than_stated_is_put_aside(small_model, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(VARIANTS, "float32", Variant(1000.0, 1000.0, 0.0))
    command = ["psfr", "export", "litert", "--weights", str(small_model)]
    command += ["--precision", "float32", "--no-gpu", "--output", str(tmp_path)]

    assert main.run(main.parse_arguments(command)) == 1
    error = capsys.readouterr().err
    assert "restorer_float32.tflite, generator_float32.tflite: worse than stated" in error
    rejected = {path.name for path in (tmp_path / "rejected").iterdir()}
    assert rejected == {"restorer_float32.tflite", "generator_float32.tflite"}
    assert [path.name for path in tmp_path.glob("*.tflite")] == ["parsing_float32.tflite"]
    failed = json.loads((tmp_path / "report.json").read_text())["failed"]
    assert set(failed) == rejected

    assert main.run(main.parse_arguments([*command, "--allow-degraded"])) == 0
    assert len(list(tmp_path.glob("*.tflite"))) == 3
    assert not list((tmp_path / "rejected").iterdir())
    assert "less than 1000 dB" in capsys.readouterr().err


def test_a_model_folder_takes_files_of_itself_only(small_model, tmp_path, capsys):
    other = shutil.copytree(small_model, tmp_path / "other")
    command = ["psfr", "export", "litert", "--weights", str(small_model), "--output", str(other)]
    same = [*command[:4], str(other), *command[5:], "--outputs", "image"]
    for each in (command, same):
        assert main.run(main.parse_arguments(each)) == 1
        assert f"error: {other}: psfr restore would use" in capsys.readouterr().err
    assert not list(other.glob("*.tflite"))


def test_a_folder_whose_name_is_not_utf_8(small_model):
    folder = dataclasses.replace(load_model_folder(small_model), path=Path("/models/\udcff"))
    metadata = file_export._metadata(folder, "\udcfe", "1")
    assert (metadata["name"], metadata["license"]) == (r"\udcff", r"\udcfe")
