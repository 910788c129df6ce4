"""Opens a file in headless Chromium and tells what happened."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Chromium's own traffic (updates, the time) finds no host.
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-first-run",
    "--enable-logging=stderr",
)


@dataclass(frozen=True)
class Visit:
    """What a page did.

    Attributes:
        dom: its HTML after loading.
        console: lines that it wrote to the console; errors are among them.
        requests: addresses that it asked for, its own and data: left out.
    """

    dom: str
    console: list[str]
    requests: list[str]


def visit(chromium: str, page: Path, folder: Path) -> Visit:
    """Load a file.

    Args:
        folder: empty; for the profile and the log of the network.
    """
    log = folder / "network.json"
    places = (f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}")
    command = [chromium, *_OPTIONS, *places, "--dump-dom", page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    events = json.loads(log.read_text())
    kind = events["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    jobs = [event.get("params", {}) for event in events["events"] if event["type"] == kind]
    # Chromium's own requests do not come from a page. The event of a job's end has no address.
    jobs = [job for job in jobs if job.get("initiator") != "not an origin"]
    asked = [job["url"] for job in jobs if "url" in job]
    own = re.compile(rf"data:|{re.escape(page.as_uri())}$")
    return Visit(result.stdout, console, [url for url in asked if not own.match(url)])
