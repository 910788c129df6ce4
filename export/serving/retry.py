"""Retries with exponential back-off and jitter."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from psfr_tf.export.serving.errors import TransientServerError

Answer = TypeVar("Answer")

FIRST_DELAY = 1.0  # seconds
MAX_DELAY = 30.0


def with_retries(
    call: Callable[..., Answer],
    retries: int,
    sleep: Callable[[float], None] = time.sleep,
    end: float | None = None,
) -> Answer:
    """Call until it succeeds, at most `retries` + 1 times.

    Args:
        call: called without arguments, or if there is an `end`, with `timeout`, the seconds left.
        end: of `time.monotonic`, no attempt lasts, and none begins after a pause, beyond it.

    Raises:
        TransientServerError: of the last attempt.
        Exception: any other error of `call`, at once.
    """
    attempt = 0
    while True:
        try:
            return call() if end is None else call(timeout=seconds_left(end))
        except TransientServerError as error:
            delay = pause(attempt)
            attempt += 1
            if attempt > retries or (end is not None and time.monotonic() + delay >= end):
                raise
            logging.getLogger("psfr_tf").warning(
                "%s: %s; retry %d of %d in %.1f s",
                error.filename,
                error.strerror,
                attempt,
                retries,
                delay,
            )
        sleep(delay)


def pause(attempt: int) -> float:
    """Seconds to wait after the attempt of this number, from 0.

    Drawn from [d/2, d], d = 1 s * 2^attempt, at most 30 s. Half of it is random, so that the
    clients of a server that was away do not return all at once.
    """
    return min(FIRST_DELAY * 2**attempt, MAX_DELAY) * random.uniform(0.5, 1.0)


def seconds_left(end: float) -> float:
    """Until `end`; never 0, which some clients take for no limit."""
    return max(end - time.monotonic(), 0.001)
