"""The deadline: the total time that a command waits for processes and servers beside it."""

import time
from contextvars import ContextVar
from threading import Event

# The most seconds that are left once the command was told to stop.
HURRIED = 10.0

# When the current command began, by time.monotonic, and the processor time that this process had
# used by then.
BEGAN: ContextVar[tuple[float, float]] = ContextVar("began")

# Seconds of processor time below which `slowness` cannot be measured, and its greatest value.
MEASURE, SLOWEST = 0.2, 5.0


def command_begins() -> None:
    """Marks the start of a command, from which its time limits count."""
    BEGAN.set((time.monotonic(), time.process_time()))


def command_began() -> float:
    """When the command began, by time.monotonic; now, if `command_begins` was not called."""
    began, _ = BEGAN.get((time.monotonic(), 0.0))
    return began


def slowness() -> float:
    """The command's elapsed time so far over its processor time: 1 on an idle machine.

    Before the training a command computes in one thread, so the rest of the time it waits for the
    machine: for other processes or for a disk.
    """
    now, computed = time.monotonic(), time.process_time()
    began, before = BEGAN.get((now, computed))
    if computed - before < MEASURE:
        return 1.0
    return min(SLOWEST, max(1.0, (now - began) / (computed - before)))


class Deadline:
    """A time limit that starts with the command's first wait; a clock set back does not extend it.

    Args:
        seconds: the total of all waits.
        stop: set when the command is told to stop; then at most ten seconds are left.
        ends: when the whole command must end, by time.monotonic; None without such a limit.
    """

    def __init__(
        self, seconds: float = 60.0, stop: Event | None = None, ends: float | None = None
    ) -> None:
        self.seconds, self.stop, self.ends = seconds, stop, ends
        self.end: float | None = None

    def anew(self) -> "Deadline":
        """A copy that has not started."""
        return Deadline(self.seconds, self.stop, self.ends)

    def left(self) -> float:
        """The seconds that are left, 0 at the end. Waits call it again at short intervals."""
        now = time.monotonic()
        if self.end is None:
            self.end = now + self.seconds
            if self.ends is not None:
                self.end = min(self.end, self.ends)
        if self.stop is not None and self.stop.is_set():
            self.end, self.stop = min(self.end, now + HURRIED), None
        return max(0.0, self.end - now)
