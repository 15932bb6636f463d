"""The log of a scheduled job: one line for each event, with the time in UTC."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from tuner.config import Config
from tuner.config.schema import Plain
from tuner.report.displays import GROWTH, INTERVAL, LONGEST
from tuner.report.progress import Progress
from tuner.search.trials import Goal, Outcome, rounded
from tuner.streams import Lined
from tuner.study.events import (
    Abandoned,
    Asked,
    Began,
    CohortEnded,
    Confirmed,
    Ended,
    EpochEnded,
    Event,
    StageBegan,
    TrialsEnded,
)  # fmt: skip
from tuner.training.kernels.compiling import Compiling, announced


class Log:
    """Writes a study's events to the log; a context manager like Progress.

    Args:
        goal: the study's goal.
        lined: the stream to write to.
        clock: returns seconds.
    """

    def __init__(
        self, goal: Goal, lined: Lined, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.goal, self.lined, self.clock = goal, lined, clock
        self.started = self.told = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.lined.flush()

    def note(self, message: str) -> None:
        """Writes a message as a separate line."""
        self.lined.tell("said", said=message)

    def __call__(self, event: Event) -> None:
        """Writes an event."""
        match event:
            case Began(results):
                self.lined.tell("began", trials=len(results))
            case Abandoned(numbers) if numbers:
                self.lined.tell("abandoned", trials=list(numbers))
            case Asked(trials):
                self.lined.tell("asked", trials=[trial.number for trial in trials])
            case EpochEnded():
                self.went(event)
            case TrialsEnded(outcomes, again):
                for outcome in outcomes:
                    self.lined.tell("trial", **self.ended(outcome), again=again or None)
            case CohortEnded(results):
                values = [t.value for t in results if t.value is not None and t.state == "COMPLETE"]
                best = self.goal.turn(min(values)) if values else None
                self.lined.tell("cohort", trials=len(results), **{f"best_{self.goal.name}": best})
            case StageBegan(what):
                self.lined.tell("stage", said=what)
            case Confirmed(confirmation):
                self.lined.tell("confirmed", winner=confirmation.winner)
            case Ended(result):
                winner = result.winner
                self.lined.tell(
                    "ended",
                    stopped=result.stopped,
                    winner=None if winner is None else winner.number,
                    **{self.goal.name: None if winner is None else winner.value},
                )

    def went(self, event: EpochEnded) -> None:
        """Writes an epoch, rarely enough to keep the log of a long study readable."""
        now = self.clock()
        if now - self.told >= min(LONGEST, max(INTERVAL, GROWTH * (now - self.started))):
            self.told = now
            best = None if event.best is None else rounded(self.goal.turn(event.best))
            self.lined.tell(
                "epoch",
                epoch=event.epoch,
                epochs=event.epochs,
                running=event.running,
                pruned=event.pruned,
                diverged=event.diverged,
                **{f"best_{self.goal.name}": best},
            )

    def ended(self, outcome: Outcome) -> Plain:
        """How a trial ended."""
        value = rounded(outcome.value)
        return {
            "number": outcome.trial.number,
            "state": outcome.state,
            self.goal.name: None if value is None else self.goal.turn(value),
            "epochs": outcome.epochs,
            **({"best_epoch": outcome.counted} if self.goal.best_epoch else {}),
            "label": outcome.label,
            "reason": outcome.reason,
        }


def watching(config: Config, goal: Goal | None = None, trials: int = 1) -> Progress | Log:
    """What shows the progress of a command: the log, if the config asks for one, or a display.

    Args:
        config: the command's config.
        goal: the study's goal.
        trials: the number of trials of the study, for commands that train cohorts.
    """
    own = goal or Goal()
    if config.log is not None and isinstance(sys.stderr, Lined) and not config.quiet:
        return Log(own, sys.stderr)
    return Progress(trials, own, quiet=config.quiet)


@contextmanager
def compiling(progress: Progress | Log, message: str) -> Iterator[Compiling]:
    """Says so if something must be compiled in the block, and leaves it out of the estimate."""
    with announced(lambda: progress.note(message)) as heard:
        if isinstance(progress, Progress):
            progress.compiling = heard.seconds
        yield heard


def tell(config: Config, event: str, fields: Plain) -> None:
    """Writes one event to the log, if the command writes one."""
    if config.log is not None and isinstance(sys.stderr, Lined) and not config.quiet:
        sys.stderr.tell(event, **fields)
