"""Figures of repeated runs, how far they can be trusted, and whether two sets differ.

A benchmark is a few processes with many runs each. Runs of one process share its memory layout and
the clock at that time, so they are more alike than the processes are among themselves. The noise
is therefore estimated by a bootstrap of two levels: processes are drawn with replacement, then
runs within each (Davison and Hinkley, "Bootstrap Methods and their Application", section 3.8).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psfr_tf.android_bench.target import Latency

_DRAWS = 1000
_INTERVAL = (2.5, 97.5)
# A process stands for at most so many of its runs: enough for the interval, and quick to draw.
_MAX_RUNS_DRAWN = 200


def summary(latencies_ms: Sequence[float]) -> Latency:
    """Mean, spread and percentiles (linear between runs) of at least one run."""
    values = np.asarray(latencies_ms, np.float64)
    moments = (float(getattr(values, name)()) for name in ("mean", "std", "min", "max"))
    return Latency(len(values), *moments, *map(float, np.percentile(values, (50, 90, 95, 99))))


def medians(processes: Sequence[Sequence[float]]) -> np.ndarray:
    """Bootstrap draws of the median over all runs, float64 [1000].

    The draws are the same at every call (fixed seed).

    Args:
        processes: for each process the times of its runs, or its typical time alone.
    """
    rng = np.random.default_rng(0)
    groups = [np.asarray(group, np.float64) for group in processes]
    draws = np.empty(_DRAWS)
    for index in range(_DRAWS):
        chosen = rng.integers(len(groups), size=len(groups))
        picked = []
        for group in (groups[i] for i in chosen):
            size = min(len(group), _MAX_RUNS_DRAWN)
            picked.append(group[rng.integers(len(group), size=size)])
        draws[index] = np.median(np.concatenate(picked))
    return draws


def noise(processes: Sequence[Sequence[float]]) -> float:
    """Half the width of the 95 % interval of the median, in the unit of the runs."""
    low, high = np.percentile(medians(processes), _INTERVAL)
    return float(high - low) / 2


@dataclass(frozen=True)
class Change:
    """A second set of runs beside a first one.

    Attributes:
        change: (second - first) / first of the medians.
        low, high: its 95 % interval.
    """

    change: float
    low: float
    high: float

    def verdict(self, threshold: float) -> str:
        """What can be said about it.

        "slower" or "faster": beyond the threshold, and zero is outside the interval. "same": within
        the threshold, and the interval within twice the threshold. "unclear": there is too much
        noise to say either.

        Args:
            threshold: a share, such as 0.05.
        """
        if self.change > threshold and self.low > 0:
            return "slower"
        if self.change < -threshold and self.high < 0:
            return "faster"
        if abs(self.change) <= threshold and -2 * threshold < self.low <= self.high < 2 * threshold:
            return "same"
        return "unclear"


def change(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> Change:
    """Compare two cases, given as in `medians`."""
    before = float(np.median(np.concatenate([np.asarray(g, np.float64) for g in first])))
    after = float(np.median(np.concatenate([np.asarray(g, np.float64) for g in second])))
    draws_before, draws_after = medians(first), medians(second)
    # Both use the same stream of random numbers; pair each draw with an unrelated one.
    ratios = np.roll(draws_after, _DRAWS // 2) / draws_before - 1
    low, high = np.percentile(ratios, _INTERVAL)
    return Change(after / before - 1, float(low), float(high))
