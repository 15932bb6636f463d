"""A time limit for composing: a config that takes too long to compute is refused."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooLong(BaseException):
    """What was to take so many seconds took longer; no `except Exception` on its way takes it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Ends the block after so many seconds of computing; it does so in the main thread alone.

    Raises:
        TooLong: in the middle of the block.
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
