"""The pictures of ../shared/cases/hostile, read in a process with limits of memory and time."""

import json
import subprocess
import sys

import pytest

# Announce gigabytes, hold thousands of scans, or are containers that are decoded while opened.
BOMBS = {
    *("gif_20000.gif", "gray16_20000.png", "gray_20000.png", "hang_3784.jpg", "w.webp"),
    *("icns_bypass.jpg", "ico_120000.jpg", "ico_bypass.jpg", "holiday.jpg"),
    *("scans_20000x19999.jpg", "scans_2000_300.jpg", "scans_4000_20000.jpg", "scans_4000_3000.jpg"),
}
READER = """
import json, resource, sys, warnings
from psfr_tf.errors import UserError
from psfr_tf.photo import read_photo

warnings.simplefilter("ignore")
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 300 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sys.argv[1:]:
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(sum(resource.getrusage(0)[:2])) + 5, hard))
    try:
        photo = read_photo(path)
        outcome = [*photo.rgb.shape[:2], *photo.notes]
    except UserError as error:
        outcome = str(error)
    print(json.dumps(outcome), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process has mapped")
def test_hostile_pictures(hostile):
    """Each in 5 s and 300 MiB: one line for the bombs, the pixels of the rest."""
    paths = [*sorted((hostile / "images").iterdir()), hostile / "eps" / "holiday.jpg"]
    command = [sys.executable, "-c", READER, *map(str, paths)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    outcomes = list(map(json.loads, result.stdout.splitlines()))
    assert result.returncode == 0 and len(outcomes) == len(paths), result.stderr[-1000:]
    for path, outcome in zip(paths, outcomes, strict=True):
        if path.name in BOMBS:
            assert isinstance(outcome, str) and outcome.startswith(f"{path}: "), path.name
            assert "\n" not in outcome
        else:
            assert sorted(outcome[:2]) == [144, 160], path.name
