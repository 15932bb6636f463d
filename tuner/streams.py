"""Streams that never fail: text that cannot be printed is dropped, and the work continues."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import UTC, datetime
from typing import Any, TextIO, cast

# Control characters of terminals, and characters that change the direction of text.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Lenient:
    """Wraps a text stream whose reader may go away at any time.

    Args:
        stream: the stream to write to until that fails.
        plain: whether to escape control characters, because texts may be untrusted.
    """

    def __init__(self, stream: TextIO, plain: bool = False) -> None:
        self.stream, self.plain = stream, plain

    def write(self, text: str) -> int:
        """Writes the text; drops it if that fails."""
        if self.plain:
            text = STEERING.sub(lambda found: ascii(found.group())[1:-1], text)
        try:
            return self.stream.write(text)
        except (OSError, ValueError):
            self.give_up()
            return len(text)

    def flush(self) -> None:
        """Flushes the stream; gives it up if that fails."""
        try:
            self.stream.flush()
        except (OSError, ValueError):
            self.give_up()

    def give_up(self) -> None:
        """Redirects all further output to nowhere, including what Python writes at exit."""
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (it stays open)
        with suppress(OSError, ValueError):  # it may have been closed
            os.dup2(nowhere.fileno(), self.stream.fileno())
        self.stream = nowhere

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Aside(Lenient):
    """Standard error in place of standard output.

    Args:
        stream: the standard error.
        kept: the standard output, for the JSON object of a command.
    """

    def __init__(self, stream: TextIO, kept: TextIO) -> None:
        super().__init__(stream)
        self.kept = kept


@contextmanager
def aside() -> Iterator[None]:
    """Within the context prints go to standard error; `output` returns standard output."""
    with redirect_stdout(Aside(sys.stderr, sys.stdout)):
        yield


def output() -> TextIO:
    """The standard output, also within `aside`."""
    kept: TextIO = getattr(sys.stdout, "kept", sys.stdout)
    return kept


def steering(stream: TextIO) -> TextIO:
    """The stream for texts with control characters; untrusted parts must be escaped already."""
    own: Any = Lenient(stream.stream) if isinstance(stream, Lenient) else stream
    return cast(TextIO, own)


def install() -> None:
    """Replaces standard output and standard error by lenient streams."""
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
        form: plain, or json with one object per line.
        event: the name of the event.
        fields: its fields; plain lines show only the text `said`, if there is one.
    """
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if form == "json":
        return json.dumps({"time": moment, "event": event, **fields})
    said = fields.pop("said", None)
    told = said or " ".join(f"{key}={value}" for key, value in fields.items() if value is not None)
    return f"{moment} {event}: {told}"


class Lined:
    """A text stream that writes each line as a line of the log, with its time.

    Args:
        stream: the stream to write to.
        form: plain or json.
    """

    def __init__(self, stream: TextIO, form: str) -> None:
        self.stream, self.form, self.begun = stream, form, ""

    def write(self, text: str) -> int:
        """Writes complete lines; buffers the rest."""
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
        """Flushes the stream; an incomplete line stays buffered."""
        self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def logged(form: str | None) -> Iterator[None]:
    """Within the context standard error becomes log lines, if there is a log."""
    if form is None:
        yield
        return
    lined = Lined(sys.stderr, form)
    with redirect_stderr(lined):
        yield
    if lined.begun.strip():
        lined.write("\n")
