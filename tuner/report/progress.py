"""Progress of a study: one line that moves on a terminal, plain lines elsewhere."""

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Self, TextIO

from tqdm import tqdm

from tuner.search.trials import Goal, TrialResult
from tuner.study.events import Began, CohortEnded, EpochEnded, Event, StageBegan

# Seconds between two plain lines.
INTERVAL = 5.0


def note(message: str) -> None:
    """A line on the standard error: what a job that counts no trials is at."""
    print(message, file=sys.stderr, flush=True)


class Progress:
    """Listens to a study and counts trials as they end; use it as a context.

    Args:
        total: trials of the study in all.
        goal: whose best number is shown.
        stream: the standard error where none is given.
    """

    def __init__(self, total: int, goal: Goal, stream: TextIO | None = None) -> None:
        self.goal = goal
        self.stream = stream or sys.stderr
        self.total, self.done, self.before = total, 0, 0
        self.pruned = self.diverged = 0
        self.best: float | None = None
        self.started = self.printed = time.monotonic()
        columns = shutil.get_terminal_size().columns
        self.bar = (
            tqdm(total=total, file=self.stream, bar_format="{desc}", ncols=columns)
            if self.stream.isatty()
            else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, event: Event) -> None:
        match event:
            case Began(results):
                self.count(results)
                self.before = self.done
            case EpochEnded(epoch=epoch, running=running):
                self.show(running, epoch)
            case CohortEnded(results):
                self.count(results)
                self.show(0, 0, now=True)
            case StageBegan(what):
                self.stage(what)

    def count(self, results: Sequence[TrialResult]) -> None:
        """Counts the trials that have ended; failed and interrupted ones are not done."""
        states = [result.state for result in results]
        self.pruned, self.diverged = states.count("PRUNED"), states.count("DIVERGED")
        self.done = self.pruned + self.diverged + states.count("COMPLETE")
        values = [r.value for r in results if r.state == "COMPLETE" and r.value is not None]
        self.best = self.goal.turn(min(values)) if values else None

    def note(self, message: str) -> None:
        """A line of its own."""
        if self.bar is not None:
            self.bar.write(message, file=self.stream)
        else:
            print(message, file=self.stream, flush=True)

    def stage(self, message: str) -> None:
        """What goes on in place of counting trials: on a terminal, the line that moves says it."""
        if self.bar is not None:
            self.bar.set_description_str(message)
        else:
            self.note(message)

    def show(self, running: int, epoch: int, *, now: bool = False) -> None:
        """Shows the state of the study.

        Args:
            running, epoch: as in `line`.
            now: prints a plain line even if one was just printed.
        """
        line = self.line(running, epoch)
        if self.bar is not None:
            self.bar.n = min(self.done, self.total)
            self.bar.set_description_str(line)
        elif now or time.monotonic() - self.printed >= INTERVAL:
            self.printed = time.monotonic()
            print(line, file=self.stream, flush=True)

    def line(self, running: int, epoch: int) -> str:
        """The state of the study in words.

        Args:
            running: trials under way, 0 between two cohorts.
            epoch: that they have reached.
        """
        seconds = max(time.monotonic() - self.started, 1e-9)
        best = "none" if self.best is None else f"{self.best:.4g}"
        work = f" ({running} at epoch {epoch})" if running else ""
        return (
            f"{self.done}/{self.total} trials{work}, {self.pruned} pruned, {self.diverged} "
            f"diverged, best {self.goal.name} {best}, {(self.done - self.before) / seconds:.1f}/s"
        )
