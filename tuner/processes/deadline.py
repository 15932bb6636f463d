"""The deadline: how long a command waits, all in all, for the processes and servers beside it."""

import time
from threading import Event

# Seconds that are left at the most once the command was told to stop.
HURRIED = 10.0


class Deadline:
    """So many seconds from the first time that the command waits; a clock set back adds none.

    Args:
        seconds: in all, however many waits share them.
        stop: set when the command is told to stop, which leaves ten seconds at the most.
    """

    def __init__(self, seconds: float = 60.0, stop: Event | None = None) -> None:
        self.seconds, self.stop = seconds, stop
        self.end: float | None = None

    def left(self) -> float:
        """Seconds that are left; 0 when they are over. A wait asks again every moment."""
        now = time.monotonic()
        if self.end is None:
            self.end = now + self.seconds
        if self.stop is not None and self.stop.is_set():
            self.end, self.stop = min(self.end, now + HURRIED), None
        return max(0.0, self.end - now)
