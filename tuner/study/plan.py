"""A plan: the time of a command, shared out from what was measured, so that it ends in time.

The search gets what is left by the confirmation and by the ending: the winner trained once more,
pictures, delivery, promotion. How long these take is known from the work in them
(`tuner.study.work`) and from the seconds that the search takes for its work.
"""

import time
from collections.abc import Callable, Sequence

from tuner.config.schema import ConfirmConfig
from tuner.search.racing import Race
from tuner.search.trials import Trial, TrialResult, best_of, ranked
from tuner.study.sharing import SHARE, Share, asked, cost, fewer
from tuner.study.work import Work, searched

KEY = "budget.deadline"

# What was measured may take so many times as long the next time.
MARGIN = 1.2
# A cohort of less than this share of a whole one compares too little to be worth it.
SMALLEST = 0.25
# Seconds that the end of a study takes beside its work: its verdict, its pictures and its page, for
# the study and for each trial; MLflow; and the pictures alone. Measured on 50 trials of digits on a
# core of its own they were 2.3, 1 and 1.
ENDING, EACH, TRACKED, DRAWING = 3.0, 0.02, 2.0, 1.5
# And a promotion, which loads MLflow into this process: on wine it took 3.7 seconds of a core.
PROMOTING = 4.0
# What the first epoch of all takes besides: compiled code is read, threads begin. So one that is
# shorter than this share of the whole is no measure that trials should leave for.
WARMING, LONG = 1.5, 0.1
# An ending that is dearer by estimate than this share of the whole is not waited for.
HALF = 0.5
# Of the time of search and confirmation, the most that the confirmation gets: where the config
# leaves it open a third of the search, and where it gives numbers a half.
OPEN, GIVEN = SHARE / (1 + SHARE), 0.5


class OutOfTime(Exception):
    """What is under way is given up, for there is no time for it."""


class Plan:
    """What a command has time for.

    Args:
        seconds: that the whole command may take.
        began: when the command began, by the clock.
        work: of an epoch of a trial.
        epochs: of a trial that is not stopped.
        confirm: what the config asks to be confirmed.
        alone: a row that trains alone takes as long as so many of those that train together.
        tracked: whether MLflow is told.
        promotes: whether the winner goes to the registry at last.
        slowness: how many times longer the command has taken than this process computed: others
            share the machine with it.
        clock: tells seconds.

    Attributes:
        compiling: seconds so far that were spent compiling, which happens once and is no measure.
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
        # Of the search of this command: its work and its seconds, the trials it told, and since
        # when it goes on.
        self.units = self.spent = 0.0
        self.is_sure = False
        self.told, self.searching = 0, clock()
        # Of the race that is under way: the work that was seen last, and when.
        self.seen, self.at = 0.0, clock()

    @property
    def now(self) -> float:
        """The time without what was spent compiling."""
        return self.clock() - self.compiling()

    @property
    def ends(self) -> float:
        """When the command must end, by the clock."""
        return self.began + self.seconds

    @property
    def left(self) -> float:
        """Seconds until the command must end."""
        return self.ends - self.clock()

    # What was measured.

    def search(self) -> None:
        """The search begins."""
        self.searching = self.now

    def begins(self, race: Race) -> None:
        """A cohort begins to train, or goes on from a checkpoint."""
        self.seen, self.at = self.trained(race), self.now

    def went(self, race: Race) -> None:
        """A cohort has trained an epoch."""
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
        """How long so much work takes; None where nothing was measured."""
        return MARGIN * units * self.spent / self.units if self.units else None

    def affords(self, units: float) -> bool:
        """Whether there is time for so much work before the end of the command is prepared."""
        needed = self.seconds_for(units) or 0.0
        return self.left - self.ending() > needed

    # What is reserved.

    def again(self, own: float) -> float:
        """The work of training one row alone, as the winner is once more.

        Args:
            own: of its epoch.
        """
        return own * self.epochs * self.alone

    def ending(self, units: float = 0.0) -> float:
        """Seconds for what follows the confirmation, with so much work to do still."""
        took = self.slowness * (ENDING + EACH * self.told + (TRACKED if self.tracked else 0.0))
        took += self.promotion + (self.seconds_for(units) or 0.0)
        return min(took, HALF * self.seconds)

    def after(self, results: Sequence[TrialResult]) -> float:
        """Seconds for what follows the confirmation of these trials."""
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
        """Seconds that are left for the search.

        Until a trial has trained to its end, nothing is confirmed, and the ending gives way too.
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
        """Seconds for pictures and report, and for the promotion, which comes after them."""
        return self.slowness * DRAWING + self.promotion

    # What is decided.

    @property
    def for_one(self) -> str:
        """Why all but one of a cohort leave, in words."""
        return f"{KEY}: {self.seconds:g} s leave time for only one trial,"

    @property
    def unpromoted(self) -> str:
        """Why the winner is not promoted, in words; "" where there is time for it."""
        if self.left > self.promotion:
            return ""
        return f"{KEY}: {self.seconds:g} s leave no time for it"

    @property
    def over(self) -> str:
        """Why the search ends, in words."""
        return f"{KEY}: {self.seconds:g} s, less what confirmation and the end need"

    def search_over(self, results: Sequence[TrialResult]) -> str:
        """Whether the search must end now, in words."""
        return "" if self.for_search(results) > 0 else self.over

    def cohort(self, size: int, results: Sequence[TrialResult]) -> int:
        """How many of a cohort's trials there is time for; 0 where it is not worth it."""
        if not self.told:
            return size
        each = MARGIN * (self.now - self.searching) / self.told
        fit = int(self.for_search(results) / each) if each else size
        return min(size, fit) if fit >= max(1.0, SMALLEST * size) else 0

    def ended(self, trials: Sequence[Trial]) -> None:
        """A cohort is on record."""
        self.told += len(trials)

    def losers(self, race: Race, results: Sequence[TrialResult]) -> list[int]:
        """Running trials for which there is no time, if there is time for the best of them alone.

        Args:
            race: after an epoch.
            results: of trials that ended before it. Where one of them trained to its end, the race
                goes on as long as it can.
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
        """What there is time to confirm of what else would be; None where there is none.

        Args:
            share: what would be confirmed; None: nothing.
            results: of all trials.
        """
        if share is None or not self.units:
            return share
        time = self.left - self.after(results)
        allowed = time * self.units / self.spent / MARGIN if self.spent else float("inf")
        return fewer(share, ranked(results), self.epochs, self.work, allowed)
