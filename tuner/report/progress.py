"""Progress of a running study: the share done, the times and a few words."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Self, TextIO

from tuner.report.displays import Shown, display
from tuner.search.trials import Goal, TrialResult
from tuner.study.events import (
    Asked,
    Began,
    CohortEnded,
    EpochEnded,
    Event,
    StageBegan,
    StageEpochEnded,
)  # fmt: skip

Clock = Callable[[], float]


class Timed:
    """Estimates the time left of some work, at the speed so far.

    Args:
        clock: returns seconds.
        compiling: returns the seconds spent compiling, which happens once and is left out.
    """

    def __init__(self, clock: Clock, compiling: Clock) -> None:
        self.clock, self.started = clock, clock()
        self.compiling, self.compiled = compiling, compiling()
        # The share done before this command, and the estimated end.
        self.before, self.ends = 0.0, math.nan

    def reached(self, share: float) -> None:
        """Called when this share is done."""
        now, own = self.clock(), share - self.before
        spent = now - self.started - (self.compiling() - self.compiled)
        self.ends = now + spent * (1 - share) / own if own > 0 and share < 1 else math.nan

    def shown(self, line: str, share: float | None) -> Shown:
        """The state with the times of this moment."""
        now, ends = self.clock(), self.ends
        left = None if math.isnan(ends) else max(0.0, ends - now)
        return Shown(line, share, now - self.started, left)


class Trials(Timed):
    """The trials of a study: the recorded ones and the running cohort.

    Args:
        total: the number of trials of the study.
        goal: the goal, whose best value is shown.
        clock, compiling: as in Timed.
    """

    def __init__(self, total: int, goal: Goal, clock: Clock, compiling: Clock) -> None:
        super().__init__(clock, compiling)
        self.total, self.goal = total, goal
        self.cohort: EpochEnded | None = None
        self.count(())

    def count(self, results: Sequence[TrialResult]) -> None:
        """Counts the trials that have ended; interrupted ones are not done."""
        states = [result.state for result in results]
        self.pruned, self.diverged = states.count("PRUNED"), states.count("DIVERGED")
        self.failed = states.count("FAILED")
        self.done = self.pruned + self.diverged + self.failed + states.count("COMPLETE")
        values = [r.value for r in results if r.state == "COMPLETE" and r.value is not None]
        self.best = min(values, default=math.inf)
        self.cohort = None

    def began(self, results: Sequence[TrialResult]) -> None:
        """Called when a command starts or continues a study, with the earlier results."""
        self.count(results)
        self.before = self.share()

    def went(self, cohort: EpochEnded) -> None:
        """Called after an epoch of a cohort; epochs before a checkpoint count as done before."""
        if self.cohort is None and cohort.epoch > 1:
            self.before += cohort.running * (cohort.epoch - 1) / cohort.epochs / self.total
        self.cohort = cohort
        self.reached(self.share())

    def ended(self, results: Sequence[TrialResult]) -> None:
        """Called when a cohort is recorded."""
        self.count(results)
        self.reached(self.share())

    def share(self) -> float:
        """The share of the study that is done, including the trained part of running trials."""
        done, cohort = float(self.done), self.cohort
        if cohort is not None:
            done += cohort.left + cohort.running * cohort.epoch / cohort.epochs
        return min(1.0, done / self.total)

    def now(self) -> Shown:
        """The state at this moment."""
        done, pruned, diverged, best, work = self.done, self.pruned, self.diverged, self.best, ""
        failed = self.failed
        if (cohort := self.cohort) is not None:
            pruned, diverged = pruned + cohort.pruned, diverged + cohort.diverged
            done, failed = done + cohort.left, failed + cohort.failed
            best = best if cohort.best is None else min(best, cohort.best)
            work = f", {cohort.running} at epoch {cohort.epoch}/{cohort.epochs}"
        reached = f"{self.goal.turn(best):.4g}" if math.isfinite(best) else "none"
        line = (
            f"{done}/{self.total} trials{work}, {pruned} pruned, {diverged} diverged, "
            f"{f'{failed} failed, ' if failed else ''}best {self.goal.name} {reached}"
        )
        return self.shown(line, self.share())


class Stage(Timed):
    """A stage other than a cohort, with its trained epochs.

    Args:
        what: the stage, in words.
        clock, compiling: as in Timed.
    """

    def __init__(self, what: str, clock: Clock, compiling: Clock) -> None:
        super().__init__(clock, compiling)
        self.what = what
        self.last: StageEpochEnded | None = None

    def went(self, epoch: StageEpochEnded) -> None:
        """Called after an epoch; epochs before a checkpoint count as done before."""
        if self.last is None:
            self.before = max(0, epoch.epoch - 1) / epoch.epochs
        self.last = epoch
        self.reached(epoch.epoch / epoch.epochs)

    def now(self) -> Shown:
        """The state at this moment."""
        if (last := self.last) is None:
            return self.shown(self.what, None)
        line = f"{self.what}: epoch {last.epoch}/{last.epochs}"
        return self.shown(line, last.epoch / last.epochs)


class Progress:
    """Listens to a study and shows its progress; use it as a context manager.

    Running trials count by the share of their epochs that is trained. The best value is over ended
    trials and over running ones at their last epoch.

    Args:
        total: the number of trials of the study, for commands that train cohorts.
        goal: the goal, whose best value is shown.
        stream: the stream to write to; standard error by default.
        quiet: whether to show nothing.
        clock: returns seconds.

    Attributes:
        compiling: returns the seconds spent compiling so far, which the estimate leaves out.
    """

    def __init__(
        self,
        total: int = 1,
        goal: Goal = Goal(),  # noqa: B008 (frozen)
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self.clock = clock
        self.display = display(stream or sys.stderr, clock, quiet=quiet)
        self.compiling: Clock = lambda: 0.0
        self.trials = Trials(total, goal, clock, lambda: self.compiling())
        self.work: Trials | Stage | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()
        self.display.close()

    def __call__(self, event: Event) -> None:
        match event:
            case Began(results):
                self.trials.began(results)
            case Asked():
                self.trials.cohort = None
            case EpochEnded():
                self.trials.went(event)
                self.show(self.trials)
            case CohortEnded(results):
                self.trials.ended(results)
                self.show(self.trials)
            case StageBegan(what):
                self.leave()
                self.show(Stage(what, self.clock, lambda: self.compiling()))
            case StageEpochEnded():
                if isinstance(self.work, Stage):
                    self.work.went(event)
                    self.show(self.work)

    def show(self, work: Trials | Stage) -> None:
        """Shows the running work."""
        if work is self.work:
            self.display.update(work.now)
        else:
            self.work = work
            self.display.begin(work.now)

    def leave(self) -> None:
        """Shows the final state of the trials, if they were running."""
        if self.work is self.trials:
            self.display.end(self.trials.now)
            self.work = None

    def note(self, message: str) -> None:
        """Shows a message on a separate line."""
        self.display.note(message)
