"""Deaths of workers: which worker, its task, and how its process ended."""

import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class Died:
    """A worker has died.

    Attributes:
        name: of it.
        call: the key of the call whose code it was in, "" where it was in none.
        how: it ended, in words.
        said: the end of what it printed outside of calls.
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
