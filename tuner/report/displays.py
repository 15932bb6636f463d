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

# Seconds between two plain lines: at first, as a share of the time so far, and at the most.
INTERVAL, GROWTH, LONGEST = 5.0, 1 / 60, 60.0

# A bar's pictures in a second, and its characters.
RATE, WIDTH = 4, 30

# Seconds from one picture of a notebook's bar to the next, each of which the notebook is sent.
PACE = 0.5


@dataclass(frozen=True)
class Shown:
    """What is under way, at a moment.

    Attributes:
        line: in words.
        share: of it that is done, 0 to 1; None where that is not known.
        elapsed: seconds so far.
        left: seconds that are left as far as is known; None where nothing is known.
    """

    line: str
    share: float | None
    elapsed: float
    left: float | None

    @property
    def times(self) -> str:
        """The seconds so far, and those that are left."""
        left = "" if self.left is None else f", {duration(self.left)} left"
        return duration(self.elapsed) + left


# Gives the state at the moment when it is called.
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
    """What progress is shown on: this one shows nothing."""

    def begin(self, now: Now) -> None:
        """Something begins."""

    def update(self, now: Now) -> None:
        """It went on."""

    def end(self, now: Now) -> None:
        """It has ended, in the way that is shown."""

    def note(self, message: str) -> None:
        """A line of its own."""

    def close(self) -> None:
        """Nothing more is shown."""


class Lines(Display):
    """Plain lines: the first at once, then so many that the log of a long study can be read.

    Args:
        stream: that is written to.
        clock: tells seconds.
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
        """A line of its own."""
        print(message, file=self.stream, flush=True)

    def print(self, shown: Shown, text: str) -> None:
        """Prints the state in these words, but not twice."""
        self.printed = self.clock()
        if text != self.last:
            self.last = text
            self.note(text)


class Bar(Display):
    """A bar, the times and the state in words, which go on by themselves on a terminal.

    Args:
        stream: of the terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self.now: Now | None = None
        # Errors of other parts stand above the bar; the standard output may go to a file.
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
            # A process that is killed could not give it back.
            self.live.console.show_cursor(True)

    def update(self, now: Now) -> None:
        """The bar goes on by itself."""

    def end(self, now: Now) -> None:
        """Leaves a line that says how it ended."""
        shown = now()
        self.note(f"{shown.line}, {duration(shown.elapsed)}")

    def note(self, message: str) -> None:
        """A line of its own, above the bar."""
        self.live.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """The bar goes away."""
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


# Shows an output of a notebook's cell, by its types, and returns what shows another in its place.
Show = Callable[[Mapping[str, str]], Callable[[Mapping[str, str]], object]]


class Cell(Display):
    """A bar, the times and the state in words in the output of a notebook's cell.

    They go on by themselves, as on a terminal. It is one output, shown anew each time, so that a
    notebook keeps its last state alone; it needs no widgets.

    Args:
        show: shows an output.
        pace: seconds from one picture to the next.
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
            # With the context of this thread, in which the notebook knows whose cell it is.
            self.thread = Thread(target=copy_context().run, args=[self.go_on], daemon=True)
            self.thread.start()

    def end(self, now: Now) -> None:
        """Leaves a line that says how it ended."""
        shown, self.now = now(), None
        self.note(f"{shown.line}, {duration(shown.elapsed)}")

    def note(self, message: str) -> None:
        """A line of its own, above the bar."""
        self.lines.append(message)
        self.refresh()

    def close(self) -> None:
        """The bar goes away, the lines stay."""
        self.closed.set()
        if self.thread is not None:
            self.thread.join()
        self.now = None
        if self.again is not None:
            self.refresh()

    def go_on(self) -> None:
        """Shows the bar again and again until it is closed."""
        while not self.closed.wait(self.pace):
            self.refresh()

    def refresh(self) -> None:
        """Shows the lines, and the bar below them."""
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
    """What shows an output of the cell that is at work; None outside of notebooks."""
    python: Any = sys.modules.get("IPython")
    shell = None if python is None else python.get_ipython()
    if getattr(shell, "kernel", None) is None:
        return None

    def show(output: Mapping[str, str]) -> Callable[[Mapping[str, str]], object]:
        handle = python.display.display(output, raw=True, display_id=True)
        return lambda other: handle.update(other, raw=True)

    return show


def display(stream: TextIO, clock: Callable[[], float], *, quiet: bool) -> Display:
    """The display that goes with a stream.

    Args:
        stream: that is written to.
        clock: tells seconds.
        quiet: whether nothing is to be shown.
    """
    if quiet:
        return Display()
    if stream is sys.stderr and (show := notebook()) is not None:
        return Cell(show)
    if stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        return Bar(stream)
    return Lines(stream, clock)
