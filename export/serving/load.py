"""How many requests a server answers, and how soon: callers that ask again once answered."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from psfr_tf.export.serving.errors import ServerError


def measure(call: Callable[[], object], concurrency: int, seconds: float) -> dict[str, Any]:
    """Call from `concurrency` threads for `seconds`; what has begun then is waited for.

    Args:
        call: safe to share by threads; raises `ServerError`.

    Returns:
        dict of `concurrency`; `answered`, the requests that were; `errors`, how often each came, by
        its first words; `requests_per_s`, answered ones; and `p50_ms`, `p90_ms`, `p99_ms`, the time
        to an answer that half, nine tenths, 99 hundredths of the answered requests did not exceed,
        NaN without an answer.
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
    return {
        "concurrency": concurrency,
        "answered": len(times),
        "errors": dict(errors),
        "requests_per_s": len(times) / (end - started),
        "p50_ms": float(p50),
        "p90_ms": float(p90),
        "p99_ms": float(p99),
    }
