"""Progress of a study as it runs: a share, times and a few words."""

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
    """How long something takes: what is done is a share, and goes on as it did so far.

    Args:
        clock: tells seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock, self.started = clock, clock()
        # The share that was done before, and when all will be done.
        self.before, self.ends = 0.0, math.nan

    def reached(self, share: float) -> None:
        """So much is done by now."""
        now, own = self.clock(), share - self.before
        known = own > 0 and share < 1
        self.ends = now + (now - self.started) * (1 - share) / own if known else math.nan

    def shown(self, line: str, share: float | None) -> Shown:
        """The state with the times of this moment."""
        now, ends = self.clock(), self.ends
        left = None if math.isnan(ends) else max(0.0, ends - now)
        return Shown(line, share, now - self.started, left)


class Trials(Timed):
    """The trials of a study: those on record, and the cohort that is under way.

    Args:
        total: trials of the study in all.
        goal: whose best number is shown.
        clock: tells seconds.
    """

    def __init__(self, total: int, goal: Goal, clock: Clock) -> None:
        super().__init__(clock)
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
        """A command takes the study up, with results of earlier ones."""
        self.count(results)
        self.before = self.share()

    def went(self, cohort: EpochEnded) -> None:
        """A cohort has trained an epoch; of one from a checkpoint, the first epochs are known."""
        if self.cohort is None and cohort.epoch > 1:
            self.before += cohort.running * (cohort.epoch - 1) / cohort.epochs / self.total
        self.cohort = cohort
        self.reached(self.share())

    def ended(self, results: Sequence[TrialResult]) -> None:
        """A cohort is on record."""
        self.count(results)
        self.reached(self.share())

    def share(self) -> float:
        """Trials that are done, and of those under way their share, of all."""
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
    """Something else than cohorts: what, in words, and how many of its epochs are trained.

    Args:
        what: in words.
        clock: tells seconds.
    """

    def __init__(self, what: str, clock: Clock) -> None:
        super().__init__(clock)
        self.what = what
        self.last: StageEpochEnded | None = None

    def went(self, epoch: StageEpochEnded) -> None:
        """An epoch has ended; of what goes on from a checkpoint, the first ones are known."""
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
    """Listens to a study and shows how far it is; use it as a context.

    Of the trials under way it counts the share of their epochs that is trained. The best number is
    of those that ended and of those under way, these by their last epoch.

    Args:
        total: trials of the study in all, for commands that train cohorts.
        goal: whose best number is shown.
        stream: the standard error where none is given.
        quiet: whether nothing is to be shown.
        clock: tells seconds.
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
        self.trials = Trials(total, goal, clock)
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
                self.show(Stage(what, self.clock))
            case StageEpochEnded():
                if isinstance(self.work, Stage):
                    self.work.went(event)
                    self.show(self.work)

    def show(self, work: Trials | Stage) -> None:
        """Shows what is under way."""
        if work is self.work:
            self.display.update(work.now)
        else:
            self.work = work
            self.display.begin(work.now)

    def leave(self) -> None:
        """Says how the trials stand, if they were under way."""
        if self.work is self.trials:
            self.display.end(self.trials.now)
            self.work = None

    def note(self, message: str) -> None:
        """A line of its own."""
        self.display.note(message)
