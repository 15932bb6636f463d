"""The deadline: the total time that a command waits for processes and servers beside it."""

import time
from contextvars import ContextVar
from threading import Event

# Seconds that are left at the most once the command was told to stop.
HURRIED = 10.0

# When the command began that is under way, by time.monotonic,
# and what this process had computed by then.
BEGAN: ContextVar[tuple[float, float]] = ContextVar("began")

# Less computing than this, in seconds, is no measure; and a machine is not called slower than so
# many times.
MEASURE, SLOWEST = 0.2, 5.0


def command_begins() -> None:
    """A command begins: what bounds the whole of it counts from here."""
    BEGAN.set((time.monotonic(), time.process_time()))


def command_began() -> float:
    """When the command began, by time.monotonic; now, if nobody has said so."""
    began, _ = BEGAN.get((time.monotonic(), 0.0))
    return began


def slowness() -> float:
    """How many times longer than it computes the command takes so far: 1 where it has all it needs.

    Before training a command computes in one thread, so what it waits for is the machine: its
    other processes, or a disk.
    """
    now, computed = time.monotonic(), time.process_time()
    began, before = BEGAN.get((now, computed))
    if computed - before < MEASURE:
        return 1.0
    return min(SLOWEST, max(1.0, (now - began) / (computed - before)))


class Deadline:
    """So many seconds from the first time that the command waits; a clock set back adds none.

    Args:
        seconds: in all, however many waits share them.
        stop: set when the command is told to stop, which leaves ten seconds at the most.
        ends: by time.monotonic, when the whole command must end; None: whenever it does.
    """

    def __init__(
        self, seconds: float = 60.0, stop: Event | None = None, ends: float | None = None
    ) -> None:
        self.seconds, self.stop, self.ends = seconds, stop, ends
        self.end: float | None = None

    def anew(self) -> "Deadline":
        """Another deadline of the same kind, which has not begun."""
        return Deadline(self.seconds, self.stop, self.ends)

    def left(self) -> float:
        """Seconds that are left; 0 when they are over. A wait asks again every moment."""
        now = time.monotonic()
        if self.end is None:
            self.end = now + self.seconds
            if self.ends is not None:
                self.end = min(self.end, self.ends)
        if self.stop is not None and self.stop.is_set():
            self.end, self.stop = min(self.end, now + HURRIED), None
        return max(0.0, self.end - now)
