"""Streams that never fail: text that cannot be printed is dropped, and the work continues."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import UTC, datetime
from typing import Any, TextIO, cast

# Signs that steer a terminal, and those that turn the direction of a line.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Lenient:
    """A text stream in the place of another one, whose reader may go away at any time.

    Args:
        stream: what is written to, until that fails.
        plain: whether what steers a terminal is escaped, for a text may be a stranger's.
    """

    def __init__(self, stream: TextIO, plain: bool = False) -> None:
        self.stream, self.plain = stream, plain

    def write(self, text: str) -> int:
        """Writes, or drops, the text."""
        if self.plain:
            text = STEERING.sub(lambda found: ascii(found.group())[1:-1], text)
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


class Aside(Lenient):
    """The standard error in the place of the standard output.

    Args:
        stream: the standard error.
        kept: the standard output, for the one object that a command prints.
    """

    def __init__(self, stream: TextIO, kept: TextIO) -> None:
        super().__init__(stream)
        self.kept = kept


@contextmanager
def aside() -> Iterator[None]:
    """Meanwhile what is printed goes to the standard error; `output` is the standard output."""
    with redirect_stdout(Aside(sys.stderr, sys.stdout)):
        yield


def output() -> TextIO:
    """The standard output, also where what is printed goes to the standard error."""
    kept: TextIO = getattr(sys.stdout, "kept", sys.stdout)
    return kept


def steering(stream: TextIO) -> TextIO:
    """The stream for texts that steer a terminal: those in which strangers' words are escaped."""
    own: Any = Lenient(stream.stream) if isinstance(stream, Lenient) else stream
    return cast(TextIO, own)


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
        setattr(sys, name, Lenient(stream, plain=name == "stdout"))


def log_line(form: str, event: str, **fields: Any) -> str:
    """A line of the log.

    Args:
        form: plain, or json: one object a line.
        event: its name.
        fields: what there is to know of it; a text called `said` is what plain lines show alone.
    """
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if form == "json":
        return json.dumps({"time": moment, "event": event, **fields})
    said = fields.pop("said", None)
    told = said or " ".join(f"{key}={value}" for key, value in fields.items() if value is not None)
    return f"{moment} {event}: {told}"


class Lined:
    """A text stream that writes each line with its time, as a line of the log.

    Args:
        stream: that is written to.
        form: of the lines.
    """

    def __init__(self, stream: TextIO, form: str) -> None:
        self.stream, self.form, self.begun = stream, form, ""

    def write(self, text: str) -> int:
        """Writes the lines that are whole; the rest waits for its end."""
        *whole, self.begun = (self.begun + text).split("\n")
        for said in whole:
            if said.strip():
                self.tell("said", said=said.removeprefix("tuner: "))
        return len(text)

    def tell(self, event: str, **fields: Any) -> None:
        """Writes one event."""
        self.stream.write(log_line(self.form, event, **fields) + "\n")
        self.stream.flush()

    def flush(self) -> None:
        """Nothing waits but a line that has not ended."""
        self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def logged(form: str | None) -> Iterator[None]:
    """Meanwhile all that goes to the standard error are lines of the log, if there is one."""
    if form is None:
        yield
        return
    lined = Lined(sys.stderr, form)
    with redirect_stderr(lined):
        yield
    if lined.begun.strip():
        lined.write("\n")
