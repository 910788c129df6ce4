import hashlib

import pytest
from phone import ARM, ARM64, X86_64, make_benchmark_model

from psfr_tf.android_bench.android.program import check_program, read_abi
from psfr_tf.errors import UserError


@pytest.mark.parametrize(
    "machine, abi", [(ARM64, "arm64-v8a"), (ARM, "armeabi-v7a"), (X86_64, "x86_64")]
)
def test_abi_is_in_the_header(tmp_path, machine, abi):
    assert read_abi(make_benchmark_model(tmp_path / "program", machine)) == abi


def test_any_of_the_phones_abis_will_do(tmp_path):
    path = make_benchmark_model(tmp_path / "program", ARM)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert check_program(path, ["arm64-v8a", "armeabi-v7a"], None) == expected
    assert check_program(path, ["armeabi-v7a"], expected.upper()) == expected


def test_wrong_abi(tmp_path):
    path = make_benchmark_model(tmp_path / "program", X86_64)
    with pytest.raises(UserError, match=r"is for x86_64, the phone runs arm64-v8a: .*docs/"):
        check_program(path, ["arm64-v8a"], None)


def test_wrong_checksum(tmp_path):
    path = make_benchmark_model(tmp_path / "program")
    with pytest.raises(UserError, match=r"SHA-256 is [0-9a-f]{64}, .*--benchmark-model-sha256"):
        check_program(path, ["arm64-v8a"], "0" * 64)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\necho no program here\n"])
def test_not_a_program(tmp_path, content):
    (tmp_path / "program").write_bytes(content)
    with pytest.raises(UserError, match=r"not a program for Android .*docs/"):
        check_program(tmp_path / "program", ["arm64-v8a"], None)


def test_missing(tmp_path):
    with pytest.raises(UserError, match=r"program: no such file.*docs/"):
        check_program(tmp_path / "program", ["arm64-v8a"], None)
