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
    call: Callable[[], Answer], retries: int, sleep: Callable[[float], None] = time.sleep
) -> Answer:
    """Call until it succeeds, at most `retries` + 1 times.

    The pause before the n-th retry is drawn from [d/2, d], d = 1 s * 2^(n-1), at most 30 s. Half
    of it is random, so that the clients of a server that was away do not return all at once.

    Raises:
        TransientServerError: of the last attempt.
        Exception: any other error of `call`, at once.
    """
    for attempt in range(retries):
        try:
            return call()
        except TransientServerError as error:
            delay = min(FIRST_DELAY * 2**attempt, MAX_DELAY) * random.uniform(0.5, 1.0)
            logging.getLogger("psfr_tf").warning(
                "%s: %s; retry %d of %d in %.1f s",
                error.filename,
                error.strerror,
                attempt + 1,
                retries,
                delay,
            )
        sleep(delay)
    return call()
