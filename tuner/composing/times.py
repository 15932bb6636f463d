"""A time limit for composing: a config that takes too long is refused."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooLong(BaseException):
    """A block exceeded its time limit; `except Exception` does not catch this."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Ends the block after this many CPU seconds; in other threads than the main one, never.

    Raises:
        TooLong: from within the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(number: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
