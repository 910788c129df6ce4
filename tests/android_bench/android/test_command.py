"""`psfr benchmark android` on emulated phones, through the real adb client."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from phone import X86_64, behave, make_benchmark_model

from psfr_tf.cli.main import parse_arguments, run

QUICK = """runs: {min_runs: 10, min_seconds: 0}
processes: 1
matrix:
  - {delegates: [cpu, gpu]}
"""


@pytest.fixture
def options(tmp_path, model_path, program):
    """Of a good run."""
    (tmp_path / "plan.yaml").write_text(QUICK)
    return {
        "--model": str(model_path),
        "--plan": str(tmp_path / "plan.yaml"),
        "--output": str(tmp_path / "bench"),
        "--benchmark-model": str(program),
    }


def psfr(options, *more):
    words = [word for option in options.items() for word in option]
    return run(parse_arguments(["psfr", "benchmark", "android", *words, *more]))


def test_success_and_resume(phone, options, tmp_path, capsys):
    assert psfr(options, "--serial", phone.serial) == 0
    results = json.loads((tmp_path / "bench/results.json").read_text())
    assert [row["delegate"] for row in results["rows"]] == ["cpu", "gpu"]
    assert (tmp_path / "bench/report.html").is_file()
    assert json.loads((tmp_path / "bench/report.json").read_text())["device"]["abi"] == "arm64-v8a"
    (phone.root / "runs").write_text("")
    assert psfr(options, "--resume") == 0
    assert (phone.root / "runs").read_text() == ""


def test_no_phone(adb, options, capsys):
    assert psfr(options) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("psfr: error: no phone: connect")


def test_unauthorised(attach, options, capsys):
    attach(authorised=False)
    assert psfr(options) == 1
    assert "accept 'Allow USB debugging'" in capsys.readouterr().err


def test_two_phones(attach, options, capsys):
    attach(), attach()
    assert psfr(options) == 1
    assert "choose one with --serial" in capsys.readouterr().err


def test_missing_program(phone, options, capsys):
    options["--benchmark-model"] += "_none"
    assert psfr(options) == 1
    assert "benchmark_model_none: no such file" in capsys.readouterr().err
    del options["--benchmark-model"]
    with pytest.raises(SystemExit) as exited:
        psfr(options)
    assert exited.value.code == 2
    assert "--benchmark-model is needed" in capsys.readouterr().err


def test_wrong_program(phone, options, tmp_path, capsys):
    assert psfr(options, "--benchmark-model-sha256", "0" * 64) == 1
    assert "not that of --benchmark-model-sha256" in capsys.readouterr().err
    options["--benchmark-model"] = str(make_benchmark_model(tmp_path / "other", X86_64))
    assert psfr(options) == 1
    assert "is for x86_64, the phone runs arm64-v8a" in capsys.readouterr().err


def test_full_disk(phone, options, capsys):
    phone.capacity_bytes = 100
    assert psfr(options) == 1
    assert "No space left on device" in capsys.readouterr().err


def test_the_plan_without_a_phone(adb, options, capsys):
    del options["--benchmark-model"]
    assert psfr(options, "--dry-run") == 0
    assert "2 cases" in capsys.readouterr().out


def test_ctrl_c(phone, options, interruptible, tmp_path):
    """A signal to the process, as the terminal sends it."""
    behave(phone.root, {2: "hang"})
    words = [word for option in options.items() for word in option]
    process = subprocess.Popen(
        [sys.executable, "-m", "psfr_tf.cli.main", "benchmark", "android", *words],
        stderr=subprocess.PIPE,
        text=True,
    )
    while (phone.root / "runs").read_text() != "..":
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1 and "interrupted" in errors
    assert not os.listdir(phone.root / "data/local/tmp")
    cpu, gpu = json.loads((tmp_path / "bench/results.json").read_text())["rows"]
    assert cpu["processes"] and not gpu["processes"]
