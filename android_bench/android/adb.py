"""The adb client: commands on one phone, with its errors told apart."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from psfr_tf.android_bench.target import TargetLost
from psfr_tf.errors import UserError

# Seconds for what a phone answers at once; starting adb's server is part of the first command.
_ANSWER_SECONDS = 30
_EXIT_MARK = "psfr-exit-code:"
_EXIT_CODE = re.compile(rf"{_EXIT_MARK}(\d{{1,9}})(?!\d)\n?")
# More than any command of ours prints; looked at so often.
MAX_OUTPUT_BYTES = 8 * 2**20
_WATCH_SECONDS = 0.2
# What the client says when the phone or the way to it has gone.
_LOST = re.compile(
    r"device offline|device '.*' not found|no devices|error: closed|protocol fault|"
    r"connection reset|broken pipe|device unauthorized|failed to get feature set|"
    r"failed to read copy response|unexpected EOF|couldn't read from device|cannot connect",
    re.IGNORECASE,
)
_STATES = {
    "unauthorized": "unlock it and accept 'Allow USB debugging' on its screen",
    "authorizing": "unlock it and accept 'Allow USB debugging' on its screen",
    "offline": "pull the cable and plug it in again, or run: adb reconnect",
    "no permissions": "this user may not open the USB device; see developer.android.com/tools/adb",
    "recovery": "start Android on it",
    "sideload": "start Android on it",
    "bootloader": "start Android on it",
}


class AdbError(Exception):
    """A command failed on the phone; the message is adb's last line."""


class AdbTimeout(Exception):
    """A command on the phone did not end in time; it may still run there."""


class AdbFlood(AdbTimeout):
    """A command on the phone printed too much, and was not waited for."""


class Adb:
    """One phone.

    Args:
        serial: as in `adb devices`.

    Every method may raise `TargetLost`.
    """

    def __init__(self, serial: str) -> None:
        self.serial = serial

    def shell(self, command: str, timeout: float = _ANSWER_SECONDS) -> tuple[str, int]:
        """Run a line of shell on the phone.

        Returns:
            What it printed (standard output and error together), and its exit code.

        Raises:
            AdbTimeout: it does not end within `timeout` seconds.
        """
        # The client's own exit code says nothing: it is 0 when the cable is pulled half-way.
        line = f"( {command}\n); echo {_EXIT_MARK}$?"
        text = self._run("shell", line, timeout=timeout)[1]
        codes = list(_EXIT_CODE.finditer(text))
        if not codes:
            reason = f" ({_last_line(text)})" if _LOST.search(text) else ""
            raise TargetLost(f"{self.serial}: the connection to the phone broke off{reason}")
        start, end = codes[-1].span()
        return text[:start] + text[end:], int(codes[-1].group(1))

    def answer(self, command: str) -> str:
        """What a short command prints; whether it succeeds does not matter.

        A phone that does not answer counts as lost.
        """
        try:
            return self.shell(command)[0]
        except AdbTimeout:
            raise TargetLost(f"{self.serial}: the phone does not answer") from None

    def push(self, local: Path, remote: str, timeout: float = 600) -> None:
        """Copy a file to the phone.

        Raises:
            AdbError: it cannot be copied, for example because the storage of the phone is full.
        """
        self._copy("push", str(local), remote, timeout)

    def pull(self, remote: str, local: Path, timeout: float = 600) -> None:
        """Copy a file from the phone.

        Raises:
            AdbError: it is not there or cannot be read.
        """
        self._copy("pull", remote, str(local), timeout)

    def _copy(self, verb: str, source: str, target: str, timeout: float) -> None:
        try:
            code, text = self._run(verb, source, target, timeout=timeout)
        except AdbTimeout:
            raise TargetLost(f"{self.serial}: adb {verb} does not end") from None
        if code:
            errors = [line for line in text.splitlines() if "error" in line] or text.splitlines()
            raise AdbError(_last_line("\n".join(errors)))

    def _run(self, *arguments: str, timeout: float) -> tuple[int, str]:
        code, text = run_adb("-s", self.serial, *arguments, timeout=timeout)
        if code and _LOST.search(text):
            raise TargetLost(f"{self.serial}: the phone is gone ({_last_line(text)})")
        return code, text


def run_adb(*arguments: str, timeout: float = _ANSWER_SECONDS) -> tuple[int, str]:
    """Exit code and output of the adb client.

    Raises:
        UserError: adb is not installed.
        AdbTimeout: it does not end within `timeout` seconds, or prints without end.
    """
    program = shutil.which("adb")
    if program is None:
        raise UserError(
            "adb is not installed: install Android's platform tools (Debian, Ubuntu: apt install "
            "adb) and put adb on the PATH"
        )
    with tempfile.TemporaryFile() as output:
        # A file, not a pipe: what nobody reads does not fill memory, and its size can be watched.
        with subprocess.Popen(
            [program, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        ) as client:
            try:
                _watch(client, output, arguments[0], timeout)
            finally:
                client.kill()
        output.seek(0)
        text = output.read(MAX_OUTPUT_BYTES)
    return client.returncode, text.decode("utf-8", "replace").replace("\r\n", "\n")


def _watch(client: subprocess.Popen, output, verb: str, timeout: float) -> None:
    end = time.monotonic() + timeout
    while True:
        try:
            client.wait(min(_WATCH_SECONDS, max(0.0, end - time.monotonic())))
            return
        except subprocess.TimeoutExpired:
            if os.fstat(output.fileno()).st_size > MAX_OUTPUT_BYTES:
                raise AdbFlood(
                    f"adb {verb}: printed more than {MAX_OUTPUT_BYTES >> 20} MiB"
                ) from None
            if time.monotonic() >= end:
                raise AdbTimeout(f"adb {verb}: no end after {timeout:g} s") from None


def attached_devices() -> dict[str, str]:
    """Phones that adb sees: serial and state, "device" if it can be used, else "offline" ...

    Raises:
        UserError: adb is not installed or does not work.
    """
    try:
        code, text = run_adb("devices")
    except AdbTimeout as error:
        raise UserError(f"{error}; try: adb kill-server") from None
    if code:
        raise UserError(f"adb does not work here: {_last_line(text)}")
    _, _, rows = text.partition("List of devices attached\n")
    # The name of a state may hold spaces, as in "no permissions (...)".
    fields = (line.split(maxsplit=1) for line in rows.splitlines())
    return dict(pair for pair in fields if len(pair) == 2)


def choose_device(serial: str | None) -> Adb:
    """The phone to use: the one named, or the only one that can be used.

    Raises:
        UserError: there is none or several, or it does not let this computer in.
    """
    devices = attached_devices()
    if serial is not None:
        if serial not in devices:
            others = ", ".join(devices) or "none"
            raise UserError(f"--serial {serial}: adb does not see this phone (it sees: {others})")
        devices = {serial: devices[serial]}
    if not devices:
        raise UserError(
            "no phone: connect one by USB with 'USB debugging' turned on in its developer options, "
            "or run: adb connect ADDRESS"
        )
    usable = [each for each, state in devices.items() if state == "device"]
    if len(usable) > 1:
        raise UserError(
            f"{len(usable)} phones are connected: choose one with --serial ({', '.join(usable)})"
        )
    if not usable:
        raise UserError("; ".join(_refusal(each, state) for each, state in devices.items()))
    return Adb(usable[0])


def _refusal(serial: str, state: str) -> str:
    advice = [text for known, text in _STATES.items() if state.startswith(known)]
    return f"{serial}: {state}: {advice[0] if advice else 'it cannot be used'}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
