"""Interpreters that threads share: each call has one for itself.

A LiteRT interpreter holds the tensors of one call, so two callers at once would get each other's
faces. A lock alone would be right, but let one caller wait for another though cores are free.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class InterpreterPool:
    """At most `most` interpreters of one file. The first is there from the start, and the others
    are made when so many callers are at work that one is missing, and kept.

    Args:
        first: the interpreter that a caller gets who is alone.
        make: called without arguments for each further one.
        most: of all; a caller beyond waits until one is free.

    Raises:
        ValueError: `most` is below 1.
    """

    def __init__(self, first: Any, make: Callable[[], Any], most: int) -> None:
        if most < 1:
            raise ValueError(f"`interpreters` must be at least 1. Received: interpreters={most}")
        self._first = first
        self._make = make
        # As many callers as interpreters pass; so whoever passes and finds none idle may make one.
        self._places = threading.BoundedSemaphore(most)
        self._idle = [first]
        self._lock = threading.Lock()

    @contextmanager
    def interpreter(self) -> Iterator[Any]:
        """An interpreter that nobody else has. It comes back to the pool if the block raises."""
        with self._places:
            with self._lock:
                taken = self._idle.pop() if self._idle else None
            if taken is None:
                taken = self._make()
            try:
                yield taken
            finally:
                with self._lock:
                    # The first is the fastest: it is taken last of the others, and given first.
                    self._idle.insert(len(self._idle) if taken is self._first else 0, taken)
