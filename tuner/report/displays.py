"""Displays of progress: a bar on a terminal or in a notebook, plain lines, or nothing."""

import os
import sys
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from html import escape
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType

# Seconds between two plain lines: the least, as a share of the elapsed time, and the most.
INTERVAL, GROWTH, LONGEST = 5.0, 1 / 60, 60.0

# A bar's refreshes per second, and its width in characters.
RATE, WIDTH = 4, 30

# Seconds between updates of a notebook's bar; each update is sent to the notebook.
PACE = 0.5


@dataclass(frozen=True)
class Shown:
    """The state of the running work at a moment.

    Attributes:
        line: the state in words.
        share: the share that is done, 0 to 1; None if unknown.
        elapsed: seconds so far.
        left: estimated seconds left; None if unknown.
    """

    line: str
    share: float | None
    elapsed: float
    left: float | None

    @property
    def times(self) -> str:
        """The elapsed time and the time left, as text."""
        left = "" if self.left is None else f", {duration(self.left)} left"
        return duration(self.elapsed) + left


# Returns the state at the moment of the call.
Now = Callable[[], Shown]


def duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> duration(65.4), duration(3605)
    ('1:05', '1:00:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Display:
    """The interface of displays; this one shows nothing."""

    def begin(self, now: Now) -> None:
        """Called when some work begins."""

    def update(self, now: Now) -> None:
        """Called when the work has progressed."""

    def end(self, now: Now) -> None:
        """Called when the work has ended; `now` says how."""

    def note(self, message: str) -> None:
        """Shows a message on a separate line."""

    def close(self) -> None:
        """Ends the display."""


class Lines(Display):
    """Plain lines: the first at once, then rarely enough to keep the log of a long study readable.

    Args:
        stream: the stream to write to.
        clock: returns seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self.stream, self.clock = stream, clock
        self.started = self.printed = clock()
        self.last = ""

    def begin(self, now: Now) -> None:
        """Prints a line at once."""
        self.print(shown := now(), shown.line)

    def update(self, now: Now) -> None:
        """Prints a line, unless one was just printed."""
        time = self.clock()
        if time - self.printed >= min(LONGEST, max(INTERVAL, GROWTH * (time - self.started))):
            self.print(shown := now(), f"{shown.line}, {shown.times}")

    def end(self, now: Now) -> None:
        """Prints how it ended."""
        self.print(shown := now(), f"{shown.line}, {duration(shown.elapsed)}")

    def note(self, message: str) -> None:
        """Shows a message on a separate line."""
        print(message, file=self.stream, flush=True)

    def print(self, shown: Shown, text: str) -> None:
        """Prints a text, unless it is the same as the last one."""
        self.printed = self.clock()
        if text != self.last:
            self.last = text
            self.note(text)


class Bar(Display):
    """A self-refreshing bar on a terminal, with the times and the state in words.

    Args:
        stream: the terminal's stream.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self.now: Now | None = None
        # Messages on standard error appear above the bar; standard output may go to a file.
        self.live = Live(
            console=Console(file=stream),
            get_renderable=self.picture,
            refresh_per_second=RATE,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=stream is sys.stderr,
        )

    def begin(self, now: Now) -> None:
        """The bar shows this from now on."""
        self.now = now
        if self.live.is_started:
            self.live.refresh()
        else:
            self.live.start(refresh=True)
            # Keep the cursor visible: a killed process could not restore it.
            self.live.console.show_cursor(True)

    def update(self, now: Now) -> None:
        """Does nothing: the bar refreshes itself."""

    def end(self, now: Now) -> None:
        """Leaves a line that says how it ended."""
        shown = now()
        self.note(f"{shown.line}, {duration(shown.elapsed)}")

    def note(self, message: str) -> None:
        """Shows a message on a separate line above the bar."""
        self.live.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Removes the bar."""
        self.live.stop()

    def picture(self) -> "RenderableType":
        """Two lines: the bar with the times, and the state in words."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if self.now is None:
            return ""
        shown = self.now()
        if shown.share is None:
            bar, share = ProgressBar(total=None, width=WIDTH), ""
        else:
            bar, share = ProgressBar(1.0, shown.share, WIDTH), f"{shown.share:4.0%}"
        top = Table.grid(padding=(0, 1))
        top.add_row(bar, Text(share, style="bold"), Text(shown.times, style="cyan"))
        return Group(top, Text(shown.line, no_wrap=True, overflow="ellipsis"))


# Shows an output of a notebook's cell (texts by MIME type); returns a function that replaces it.
Show = Callable[[Mapping[str, str]], Callable[[Mapping[str, str]], object]]


class Cell(Display):
    """A self-refreshing bar in a notebook's cell, with the times and the state in words.

    It is a single output that is replaced each time, so the notebook keeps only the last state. It
    needs no widgets.

    Args:
        show: shows an output.
        pace: seconds between updates.
    """

    def __init__(self, show: Show, pace: float = PACE) -> None:
        self.show, self.pace = show, pace
        self.again: Callable[[Mapping[str, str]], object] | None = None
        self.now: Now | None = None
        self.lines: list[str] = []
        self.lock, self.closed = Lock(), Event()
        self.thread: Thread | None = None

    def begin(self, now: Now) -> None:
        """The bar shows this from now on."""
        self.now = now
        self.refresh()
        if self.thread is None:
            # The thread gets this thread's context, by which the notebook knows the cell.
            self.thread = Thread(target=copy_context().run, args=[self.go_on], daemon=True)
            self.thread.start()

    def end(self, now: Now) -> None:
        """Leaves a line that says how it ended."""
        shown, self.now = now(), None
        self.note(f"{shown.line}, {duration(shown.elapsed)}")

    def note(self, message: str) -> None:
        """Shows a message on a separate line above the bar."""
        self.lines.append(message)
        self.refresh()

    def close(self) -> None:
        """Removes the bar and keeps the lines."""
        self.closed.set()
        if self.thread is not None:
            self.thread.join()
        self.now = None
        if self.again is not None:
            self.refresh()

    def go_on(self) -> None:
        """Refreshes the bar until it is closed."""
        while not self.closed.wait(self.pace):
            self.refresh()

    def refresh(self) -> None:
        """Shows the lines, with the bar below them."""
        with self.lock:
            picture = self.picture()
            if self.again is None:
                self.again = self.show(picture)
            else:
                self.again(picture)

    def picture(self) -> dict[str, str]:
        """The output, as text and as HTML."""
        now = self.now
        text, html = [*self.lines], [f"<div>{escape(line)}</div>" for line in self.lines]
        if now is not None:
            shown = now()
            share = "" if shown.share is None else f"{shown.share:4.0%}"
            full = round(WIDTH * (shown.share or 0))
            text += [f"[{'#' * full:<{WIDTH}}] {share} {shown.times}", shown.line]
            value = "" if shown.share is None else f' value="{shown.share:.4f}"'
            html.append(
                f'<div><progress max="1"{value} style="width: 20em"></progress> <b>{share}</b> '
                f"{escape(shown.times)}</div><div>{escape(shown.line)}</div>"
            )
        return {"text/plain": "\n".join(text), "text/html": "".join(html)}


def notebook() -> Show | None:
    """A function that shows an output in the running cell; None outside of notebooks."""
    python: Any = sys.modules.get("IPython")
    shell = None if python is None else python.get_ipython()
    if getattr(shell, "kernel", None) is None:
        return None

    def show(output: Mapping[str, str]) -> Callable[[Mapping[str, str]], object]:
        handle = python.display.display(output, raw=True, display_id=True)
        return lambda other: handle.update(other, raw=True)

    return show


def display(stream: TextIO, clock: Callable[[], float], *, quiet: bool) -> Display:
    """The display for a stream.

    Args:
        stream: the stream to write to.
        clock: returns seconds.
        quiet: whether to show nothing.
    """
    if quiet:
        return Display()
    if stream is sys.stderr and (show := notebook()) is not None:
        return Cell(show)
    if stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        return Bar(stream)
    return Lines(stream, clock)
