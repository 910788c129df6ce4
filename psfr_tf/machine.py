"""The machine that a measurement was made on; memory and standard error of this process."""

import contextlib
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def describe_machine(*packages: str) -> dict[str, Any]:
    """CPU, cores, load, system, Python, and the versions of these packages."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load_average_1_min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
    }


def busy_share(seconds: float = 0.5) -> float | None:
    """Share of the cores' time, 0..1, that all processes used over so many seconds from now.

    None where the system does not tell (other than Linux). The load average would still count what
    ended a minute ago.
    """
    before = _processor_ticks()
    if before is None:
        return None
    time.sleep(seconds)
    after = _processor_ticks()
    if after is None or after[1] <= before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


def _processor_ticks() -> tuple[int, int] | None:
    """Ticks in use and in all, over the cores."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        user, nice, system, idle, waiting, *rest = map(int, line.split()[1:9])
    except (OSError, ValueError, IndexError):
        return None
    used = user + nice + system + sum(rest)
    return used, used + idle + waiting


def available_cores() -> int:
    """Cores this process may run on."""
    return len(available_cpus())


def available_cpus() -> list[int]:
    """Numbers of the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def cpu_model() -> str:
    """Name of the CPU, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):  # not Linux, or a CPU that does not tell
        return platform.processor() or platform.machine()


def peak_memory_bytes() -> int:
    """Largest resident size that this process has had."""
    try:
        # Linux passes getrusage's figure on to a child, so it would be that of our parent.
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        (line,) = [line for line in lines if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextlib.contextmanager
def closed_stderr() -> Iterator[None]:
    """Point file descriptor 2, which C++ writes to, at the null device."""
    try:
        saved = os.dup(2)
    except OSError:  # The process was started without one.
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # a tenth of a second

    try:
        return version(package)
    except PackageNotFoundError:
        return None
