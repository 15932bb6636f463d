"""A plan: divides the time of a command by measured speed, so that it ends before its deadline.

The search gets the time that the confirmation and the ending leave; the ending is the final
training of the winner, pictures, delivery and promotion. Their times are estimated from their work
(`tuner.study.work`) and from the measured seconds per unit of work in the search.
"""

import time
from collections.abc import Callable, Sequence

from tuner.config.schema import ConfirmConfig
from tuner.search.racing import Race
from tuner.search.trials import Trial, TrialResult, best_of, ranked
from tuner.study.sharing import SHARE, Share, asked, cost, fewer
from tuner.study.work import Work, searched

KEY = "budget.deadline"

# Safety factor: how much longer than measured the same work may take the next time.
MARGIN = 1.2
# A cohort of less than this share of a full one compares too few trials to be worth it.
SMALLEST = 0.25
# Seconds for the end of a study besides training: for the verdict, the pictures and the page per
# study and per trial; for MLflow; and for the pictures alone. Measured with 50 trials of digits on
# a dedicated core: 2.3, 1 and 1.
ENDING, EACH, TRACKED, DRAWING = 3.0, 0.02, 2.0, 1.5
# Seconds for a promotion, which loads MLflow into this process: 3.7 on wine, on one core.
PROMOTING = 4.0
# Extra seconds of the very first epoch, which loads compiled code and starts threads. A first epoch
# shorter than the share LONG of the deadline is not reliable enough to drop trials for.
WARMING, LONG = 1.5, 0.1
# At most this share of the deadline is reserved for the ending.
HALF = 0.5
# The largest share of the time of search and confirmation that the confirmation gets: a third of
# the search if the config leaves its size open, half of the whole if the config gives its size.
OPEN, GIVEN = SHARE / (1 + SHARE), 0.5


class OutOfTime(Exception):
    """The running work is given up, because there is no time for it."""


class Plan:
    """Decides what a command has time for.

    Args:
        seconds: that the whole command may take.
        began: when the command began, by the clock.
        work: the work of one epoch of a trial.
        epochs: the length of a trial that is not stopped.
        confirm: what the config requests to confirm.
        alone: how many rows trained together take as long as one row trained alone.
        tracked: whether the study is logged to MLflow.
        promotes: whether the winner goes to the registry at the end.
        slowness: the ratio of the command's wall time to its CPU time, which is above 1 if other
            processes share the machine.
        clock: returns seconds.

    Attributes:
        compiling: returns the seconds spent compiling so far; they occur once and are not measured.
    """

    def __init__(
        self,
        seconds: float,
        began: float,
        work: Work,
        epochs: int,
        confirm: ConfirmConfig,
        alone: int = 1,
        tracked: bool = False,
        promotes: bool = False,
        slowness: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds, self.began, self.work, self.epochs = seconds, began, work, epochs
        self.confirm, self.alone, self.tracked, self.clock = confirm, alone, tracked, clock
        self.promotes, self.slowness = promotes, slowness
        self.compiling: Callable[[], float] = lambda: 0.0
        # This command's search: its work and its seconds, its finished trials, and when it began.
        self.units = self.spent = 0.0
        self.is_sure = False
        self.told, self.searching = 0, clock()
        # The running race: the work seen last, and when.
        self.seen, self.at = 0.0, clock()

    @property
    def now(self) -> float:
        """The clock without the time spent compiling."""
        return self.clock() - self.compiling()

    @property
    def ends(self) -> float:
        """When the command must end, by the clock."""
        return self.began + self.seconds

    @property
    def left(self) -> float:
        """Seconds until the command must end."""
        return self.ends - self.clock()

    # Measurements.

    def search(self) -> None:
        """Called when the search begins."""
        self.searching = self.now

    def begins(self, race: Race) -> None:
        """Called when a cohort begins to train or continues from a checkpoint."""
        self.seen, self.at = self.trained(race), self.now

    def went(self, race: Race) -> None:
        """Called when a cohort has trained an epoch."""
        units, now = self.trained(race), self.now
        if units > self.seen:
            took = now - self.at
            if not self.units:
                took = max(took - WARMING, took / 10)
                self.is_sure = took >= LONG * self.seconds
            else:
                self.is_sure = True
            self.units += units - self.seen
            self.spent += took
            self.seen, self.at = units, now

    def trained(self, race: Race) -> float:
        """The work of a race so far."""
        lanes = race.lanes.values()
        return sum(self.work(lane.trial.settings) * lane.epochs for lane in lanes)

    def seconds_for(self, units: float) -> float | None:
        """The seconds that this work takes; None if nothing was measured yet."""
        return MARGIN * units * self.spent / self.units if self.units else None

    def affords(self, units: float) -> bool:
        """Whether there is time for this work before the ending must start."""
        needed = self.seconds_for(units) or 0.0
        return self.left - self.ending() > needed

    # Reserved time.

    def again(self, own: float) -> float:
        """The work of training one row alone, as in the winner's final training.

        Args:
            own: the work of one of its epochs.
        """
        return own * self.epochs * self.alone

    def ending(self, units: float = 0.0) -> float:
        """Seconds for everything after the confirmation, with `units` of work left in it."""
        took = self.slowness * (ENDING + EACH * self.told + (TRACKED if self.tracked else 0.0))
        took += self.promotion + (self.seconds_for(units) or 0.0)
        return min(took, HALF * self.seconds)

    def after(self, results: Sequence[TrialResult]) -> float:
        """Seconds for everything after the confirmation of these trials."""
        best = best_of(results)
        works = [self.work(r.settings) for r in results] if best is None else []
        return self.ending(
            self.again(max(works, default=0.0) if best is None else self.work(best.settings))
        )

    def confirming(self, results: Sequence[TrialResult]) -> float:
        """Seconds for the confirmation of the trials so far."""
        most = asked(self.confirm)
        if most is None:
            return 0.0
        is_open = self.confirm.top is None or self.confirm.seeds is None
        whole = max(0.0, self.ends - self.after(results) - self.searching)
        reserved = (OPEN if is_open else GIVEN) * whole
        best = ranked(results)
        if not best:
            return reserved
        units = cost(most, best, self.epochs, self.work)
        if is_open:
            units = min(units, SHARE * max(searched(results, self.work), self.units))
        return min(reserved, self.seconds_for(units) or reserved)

    def for_search(self, results: Sequence[TrialResult]) -> float:
        """Seconds left for the search.

        Until a trial has trained to its end, no time is reserved for the confirmation, and only
        half for the ending.
        """
        after = self.after(results)
        if best_of(results) is None:
            return self.left - HALF * after
        return self.left - after - self.confirming(results)

    @property
    def promotion(self) -> float:
        """Seconds for the promotion."""
        return self.slowness * PROMOTING if self.promotes else 0.0

    @property
    def drawing(self) -> float:
        """Seconds for pictures and report, and for the promotion after them."""
        return self.slowness * DRAWING + self.promotion

    # Decisions.

    @property
    def for_one(self) -> str:
        """Why all trials of a cohort but one leave, in words."""
        return f"{KEY}: {self.seconds:g} s leave time for only one trial,"

    @property
    def unpromoted(self) -> str:
        """Why the winner is not promoted, in words; "" if there is time for it."""
        if self.left > self.promotion:
            return ""
        return f"{KEY}: {self.seconds:g} s leave no time for it"

    @property
    def over(self) -> str:
        """Why the search ends, in words."""
        return f"{KEY}: {self.seconds:g} s, less what confirmation and the end need"

    def search_over(self, results: Sequence[TrialResult]) -> str:
        """Why the search must end now, in words; "" if it need not."""
        return "" if self.for_search(results) > 0 else self.over

    def cohort(self, size: int, results: Sequence[TrialResult]) -> int:
        """How many of a cohort's trials there is time for; 0 if too few to be worth it."""
        if not self.told:
            return size
        each = MARGIN * (self.now - self.searching) / self.told
        fit = int(self.for_search(results) / each) if each else size
        return min(size, fit) if fit >= max(1.0, SMALLEST * size) else 0

    def ended(self, trials: Sequence[Trial]) -> None:
        """Called when a cohort is recorded."""
        self.told += len(trials)

    def losers(self, race: Race, results: Sequence[TrialResult]) -> list[int]:
        """The running trials to end, if there is time for only the best of them.

        Args:
            race: a race after an epoch.
            results: the results of earlier trials. If one of them trained to its end, the race
                continues as long as it can.
        """
        running = race.running
        if best_of(results) is not None or len(running) < 2:
            return []
        lanes = [race.lanes[number] for number in running]
        best = min(lanes, key=lambda lane: (lane.value, lane.trial.number))
        if best.epochs == 0:
            return []
        own = self.work(best.trial.settings)
        to_its_end = own * (race.epochs - race.epoch) * self.alone
        following = sum(self.work(lane.trial.settings) for lane in lanes)
        needed = self.seconds_for(to_its_end + following)
        if needed is None or not self.is_sure or self.left - self.ending(self.again(own)) > needed:
            return []
        return [number for number in running if number != best.trial.number]

    def share(self, share: Share | None, results: Sequence[TrialResult]) -> Share | None:
        """The part of a confirmation that there is time for; None if there is none.

        Args:
            share: the wanted confirmation; None for none.
            results: the results of all trials.
        """
        if share is None or not self.units:
            return share
        time = self.left - self.after(results)
        allowed = time * self.units / self.spent / MARGIN if self.spent else float("inf")
        return fewer(share, ranked(results), self.epochs, self.work, allowed)
