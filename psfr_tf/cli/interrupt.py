"""SIGTERM and SIGINT end a command the same way: finished work is kept, and reported."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

# Shells, containers and batch systems send a signal to a whole group and so often twice; the
# second must not stop the report from being written.
_SAME_SECONDS = 2.0


class _Arrived:
    seconds: float | None = None  # when the first signal of this command came


_arrived = _Arrived()


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """Within the block either signal raises KeyboardInterrupt in the main thread.

    A signal that follows within two seconds is taken for the same one. `psfr train`, which
    finishes its step first, puts its own handlers in their place.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _arrived.seconds = None
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number, handler in previous.items():
        if handler is not signal.SIG_IGN:  # as nohup and background jobs of a shell have it
            signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def check() -> None:
    """Raise KeyboardInterrupt if a signal has arrived; in any thread.

    The exception is lost where Python calls back from native code; a loop that calls this between
    two inputs ends all the same.
    """
    if _arrived.seconds is not None:
        raise KeyboardInterrupt


def _raise(number, frame) -> None:
    now = time.monotonic()
    if _arrived.seconds is None or now - _arrived.seconds > _SAME_SECONDS:
        _arrived.seconds = now
        raise KeyboardInterrupt
