"""Which CPUs a case may run on: names and numbers."""

import re
from collections.abc import Mapping

NAMES = ("all", "big", "little")


def parse_cpus(text: str) -> tuple[int, ...]:
    """CPU numbers in "4-7" or "0,2-3", in rising order.

    Raises:
        ValueError: one line saying what is allowed.
    """
    cpus: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip())
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(f"affinity is {', '.join(NAMES)} or CPUs such as 4-7 or 0,2: {text!r}")
        cpus.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(sorted(cpus))


def resolve(affinity: str, top_khz: Mapping[int, int]) -> tuple[int, ...] | None:
    """The CPUs that an affinity means on one device; None means no restriction.

    "big" are the cores with the highest top frequency, "little" those with the lowest.

    Args:
        affinity: see `plan.Case`.
        top_khz: top frequency of each CPU; 0 where it cannot be read.

    Raises:
        ValueError: the device has no such cores; one line.
    """
    if affinity == "all":
        return None
    if affinity in NAMES:
        frequencies = sorted(set(top_khz.values()))
        if len(frequencies) < 2:
            raise ValueError(f"affinity {affinity}: all cores of this device are alike")
        wanted = frequencies[-1 if affinity == "big" else 0]
        return tuple(cpu for cpu, khz in sorted(top_khz.items()) if khz == wanted)
    cpus = parse_cpus(affinity)
    missing = [cpu for cpu in cpus if cpu not in top_khz]
    if missing:
        raise ValueError(f"affinity {affinity}: this device has no CPU {missing[0]}")
    return cpus
