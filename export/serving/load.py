"""How many requests a server answers, and how soon: callers that ask again once answered."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from psfr_tf.export.serving.errors import ServerError


@dataclass(frozen=True)
class Load:
    """What a number of callers saw.

    Attributes:
        concurrency: callers at the same time.
        answered: requests that were answered.
        errors: how often each error came, by its first words.
        requests_per_s: answered requests a second.
        p50_ms, p90_ms, p99_ms: time to an answer that half, nine tenths, 99 hundredths of the
            answered requests did not exceed; NaN without an answer.
    """

    concurrency: int
    answered: int
    errors: dict[str, int]
    requests_per_s: float
    p50_ms: float
    p90_ms: float
    p99_ms: float


def measure(call: Callable[[], object], concurrency: int, seconds: float) -> Load:
    """Call from `concurrency` threads for `seconds`; what has begun then is waited for.

    Args:
        call: safe to share by threads; raises `ServerError`.
    """
    begin = threading.Barrier(concurrency)

    def caller(_) -> tuple[list[float], Counter, float]:
        times: list[float] = []
        errors: Counter = Counter()
        begin.wait()
        stop = time.monotonic() + seconds
        while True:
            started = time.monotonic()
            if started >= stop:
                return times, errors, started
            try:
                call()
                times.append(time.monotonic() - started)
            except ServerError as error:
                errors[str(error.strerror).split(":")[0]] += 1

    started = time.monotonic()
    with ThreadPoolExecutor(concurrency) as pool:
        results = list(pool.map(caller, range(concurrency)))
    end = max(finished for *_, finished in results)
    times: list[float] = [each for mine, *_ in results for each in mine]
    errors: Counter = sum((mine for _, mine, _ in results), Counter())
    p50, p90, p99 = np.percentile(times, [50, 90, 99]) * 1000 if times else [float("nan")] * 3
    rate = len(times) / (end - started)
    return Load(concurrency, len(times), dict(errors), rate, float(p50), float(p90), float(p99))
