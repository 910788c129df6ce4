"""What a phone says, and reports made of results from elsewhere."""

import json
import stat

import pytest

from psfr_tf.android_bench.android import adb, benchmark_model, device
from psfr_tf.android_bench.report import write_reports
from psfr_tf.android_bench.results import load, picture_file
from psfr_tf.android_bench.target import CaseFailed
from psfr_tf.errors import UserError


@pytest.fixture
def phone(tmp_path, monkeypatch):
    """`phone(script)`: an adb that does this."""

    def make(script):
        program = tmp_path / "bin" / "adb"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        return adb.Adb("phone")

    return make


def test_a_flood_is_cut_off(phone):
    target = phone("exec cat /dev/zero")
    with pytest.raises(adb.AdbTimeout, match="more than 8 MiB"):
        target.shell("true", timeout=60)


def test_an_endless_command_is_ended(phone):
    with pytest.raises(adb.AdbTimeout, match="no end after 1 s"):
        phone("exec sleep 100").shell("true", timeout=1)


def test_what_it_prints_and_its_exit_code_come_through(phone):
    assert phone('echo seen "$@"; echo psfr-exit-code:3').shell("x")[1] == 3


def test_an_exit_code_of_5000_digits_is_none(phone):
    from psfr_tf.android_bench.target import TargetLost

    with pytest.raises(TargetLost):
        phone("printf 'psfr-exit-code:'; head -c 5000 /dev/zero | tr '\\0' 9; echo").shell("x")


def test_values_that_no_phone_has():
    battery = device.parse_battery("  level: 80\n  scale: 0\n  temperature: 250\n")
    assert battery["level_percent"] == 80
    assert device.parse_battery(f"level: {'9' * 5000}\n") is None
    assert device.parse_cores("present:9-0\ncpu0/cpufreq/cpuinfo_max_freq:1000\n") == (
        {0: 1000},
        [],
    )
    assert (
        device.parse_thermal_service("Thermal Status: 1\nTemperature{mValue=-.-, mType=0,")
        is not None
    )
    assert (
        device.parse_thermal_files(f"thermal_zone0/type:cpu\nthermal_zone0/temp:{'9' * 5000}")
        is None
    )
    assert device.parse_properties("[a]: [\x1b[2J]") == {"a": "\\x1b[2J"}


class Case:
    delegate = "cpu"


TIMINGS = (
    "Inference timings in us: Init: 1, First inference: 1, Warmup (avg): 1, "
    "Inference (avg): {mean}\n"
    "count=10 curr=1 std=1 p50={p50}\n"
    "Overall peak memory footprint (MB) via periodic monitoring: {peak}\n"
)


@pytest.mark.parametrize(
    "values",
    [
        {"mean": "1e999"},
        {"mean": "1e400", "peak": "1e400"},
        {"p50": "1e999"},
        {"peak": "1e400"},
        {"mean": "-1"},
        {"mean": "e"},
    ],
)
def test_figures_that_no_run_gives_are_no_result(values):
    log = TIMINGS.format(**{"mean": 1000, "p50": 1000, "peak": 50, **values})
    with pytest.raises(CaseFailed):
        benchmark_model.parse(Case, log, 10)


def test_failed_cases_show_no_control_characters():
    assert str(CaseFailed("\x1b[2Jgone\nnext")) == "\\x1b[2Jgone\\nnext"
    assert str(UserError("\x1b]0;title\x07")) == "\\x1b]0;title\\x07"


@pytest.fixture
def results(hostile, tmp_path):
    """A results.json of a folder, and its values."""
    values = json.loads((hostile / "results" / "results.json").read_text())

    def write():
        (tmp_path / "results.json").write_text(json.dumps(values))
        return tmp_path

    return values, write


def test_reports_carry_only_their_own_pictures(results, tmp_path):
    values, write = results
    secret = tmp_path.parent / "secret.jpg"
    secret.write_bytes(b"SECRETSECRETSECRET")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "link.jpg").symlink_to(secret)
    (tmp_path / "pictures" / "own.jpg").write_bytes(b"\xff\xd8\xffown")
    accuracy = values["rows"][0]["accuracy"]
    accuracy["picture"] = str(secret)
    accuracy["face_picture"] = f"pictures/../../{secret.name}"
    accuracy["reference_picture"] = "pictures/link.jpg"
    html, markdown = write_reports([load(write())], tmp_path)
    assert "U0VDUkVU" not in html.read_text() and "secret" not in markdown.read_text()
    assert picture_file(tmp_path, "pictures/own.jpg") and not picture_file(tmp_path, "results.json")


def test_names_of_a_phone_are_text_in_a_report(results, tmp_path):
    values, write = results
    values["device"]["name"] = "![x](http://a.example/x) <img src=x> \x1b[31m | `a`"
    values["rows"][0]["reasons"] = ["[click](javascript:alert(1))\n# heading"]
    html, markdown = write_reports([load(write())], tmp_path)
    for text in (html.read_text(), markdown.read_text()):
        assert "\x1b" not in text
    assert "<img src=x>" not in html.read_text()
    lines = markdown.read_text()
    assert "](http" not in lines.replace("\\]", "") and "\n# heading" not in lines
    assert "<img" not in lines.replace("\\<", "")


@pytest.mark.parametrize("value", [1e999, -1.0, 1e300, "fast", None])
def test_times_that_no_run_gives_are_refused(results, value):
    values, write = results
    values["rows"][0]["processes"][0]["latency"]["mean_ms"] = value
    with pytest.raises(UserError, match=r"results\.json: "):
        load(write())
