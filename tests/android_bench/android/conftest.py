"""Emulated phones, and an adb server of our own that does not disturb the user's."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def _adb(*arguments: str) -> str:
    done = subprocess.run(
        ["adb", *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def _server_settings(tmp_path_factory):
    """Environment of the adb server; it stops at the end."""
    if shutil.which("adb") is None:
        pytest.skip("adb is not installed (Debian, Ubuntu: apt install adb)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # adb keeps its key in the home folder and its log in the folder for temporary files.
    home = str(tmp_path_factory.mktemp("adb"))
    settings = {"ANDROID_ADB_SERVER_PORT": str(port), "HOME": home, "TMPDIR": home}
    yield settings
    subprocess.run(["adb", "kill-server"], env={**os.environ, **settings}, timeout=60, check=False)


@pytest.fixture
def adb(_server_settings, monkeypatch):
    """`adb(*arguments)`: output of the real client; the tests' server is the one in use."""
    for name, value in _server_settings.items():
        monkeypatch.setenv(name, value)
    return _adb


@pytest.fixture
def attach(adb, tmp_path):
    """`attach(**settings)`: a new emulated phone that adb is connected to."""
    from adb_device import EmulatedDevice
    from phone import make_phone

    devices = []

    def make(**settings):
        root = tmp_path / f"phone{len(devices)}"
        root.mkdir()
        devices.append(EmulatedDevice(make_phone(root), **settings))
        adb("connect", devices[-1].serial)
        return devices[-1]

    yield make
    for device in devices:
        adb("disconnect", device.serial)
        device.unplug()


@pytest.fixture
def phone(attach):
    """One phone."""
    return attach()


@pytest.fixture
def program(tmp_path):
    """`benchmark_model` for that phone."""
    from phone import make_benchmark_model

    return make_benchmark_model(tmp_path / "benchmark_model")


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    from relu_file import write_relu_file

    return write_relu_file(tmp_path_factory.mktemp("files") / "relu with a space.tflite")


@pytest.fixture(scope="session")
def model(model_path):
    from psfr_tf.android_bench.model_file import read_model_file

    return read_model_file(model_path)


@pytest.fixture
def interruptible():
    """A suite that was started in the background ignores SIGINT, and what it starts inherits it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
