"""Streams that never stop the work: what cannot be printed is dropped, and the work goes on."""

import os
import sys
from contextlib import suppress
from typing import Any, TextIO


class Lenient:
    """A text stream in the place of another one, whose reader may go away at any time.

    Args:
        stream: what is written to, until that fails.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Writes, or drops, the text."""
        try:
            return self.stream.write(text)
        except (OSError, ValueError):
            self.give_up()
            return len(text)

    def flush(self) -> None:
        """Flushes, where there is anybody to read."""
        try:
            self.stream.flush()
        except (OSError, ValueError):
            self.give_up()

    def give_up(self) -> None:
        """From now on all goes nowhere, also what Python itself writes as it ends."""
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (it stays open)
        with suppress(OSError, ValueError):  # it may have been closed
            os.dup2(nowhere.fileno(), self.stream.fileno())
        self.stream = nowhere

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def install() -> None:
    """Puts lenient streams in the place of the standard output and the standard error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Lenient):
            continue
        if stream is None:  # it was closed before Python began
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (it stays open)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, Lenient(stream))
