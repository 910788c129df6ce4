"""results.json and its written schema."""

import json
from pathlib import Path

import jsonschema
import pytest

from psfr_tf.android_bench import results
from psfr_tf.android_bench.results import Window, load, save
from psfr_tf.android_bench.target import Thermal
from psfr_tf.errors import UserError

SCHEMA_FILE = Path(results.__file__).with_name("schema.json")


@pytest.fixture
def written(make_row, make_results, tmp_path):
    good, failed = make_row(), make_row([], failure="no room", failure_log="...")
    good.processes[0].thermal_before = Thermal(celsius=40.0)
    window = Window(elapsed_s=60.0, runs=4, p50_ms=9.0)
    long = make_row([], sustained_minutes=1.0, windows=[window])
    save(make_results([good, failed, long]), tmp_path)
    return tmp_path / results.FILE_NAME


def test_the_schema_file_is_up_to_date():
    """If this fails: write what is made here to android_bench/schema.json; is it compatible?"""
    made = results.Results.model_json_schema(mode="serialization")
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(SCHEMA_FILE.read_text()) == made


def test_results_fit_the_schema(written):
    values = json.loads(written.read_text())
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
    validator.validate(values)
    for place, value in (("p50_ms", "fast"), ("delegate", "tpu"), ("p50", 1.0)):
        broken = json.loads(written.read_text())
        broken["rows"][0][place] = value
        assert not validator.is_valid(broken), place
    del values["device"]
    assert not validator.is_valid(values)


def test_what_is_saved_is_loaded(written):
    found = load(written)
    assert found == load(written.parent)
    assert [row.valid for row in found.rows] == [True, False, True]
    assert found.rows[0].processes[0].thermal_before == Thermal(celsius=40.0)


def test_names_that_are_not_utf_8(make_results, tmp_path):
    results = make_results([])
    results.problems = ["\udcff.tflite: not a usable LiteRT file"]
    save(results, tmp_path)
    assert load(tmp_path).problems == ["\\udcff.tflite: not a usable LiteRT file"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "not a JSON file"),
        ("[]", "schema_version 1 is needed"),
        ('{"schema_version": 2}', "schema_version 1 is needed, got 2"),
        ('{"schema_version": 1}', "target: field required"),
    ],
)
def test_bad_results_are_one_line(tmp_path, text, message):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        load(path)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "none.json")
