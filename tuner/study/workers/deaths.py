"""Deaths of workers: which worker, its task, and how its process ended."""

import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class Died:
    """A worker has died.

    Attributes:
        name: its name.
        call: the key of the call that it was running; "" if none.
        how: how its process ended, in words.
        said: the last line that it printed outside of calls.
    """

    name: str
    call: str
    how: str
    said: str = ""


def how(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    number = -code
    name = next((s.name for s in signal.Signals if s == number), str(number))
    more = ": is the memory full?" if number == signal.SIGKILL else ""
    return f"was ended by signal {name}{more}"
