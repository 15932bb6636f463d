"""Promises of a deadline: a clock that costs move shows what a command has time for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.study.conftest import COHORT, EPOCHS, FunctionTraining, Heard, study_of
from tuner.codec import from_json, to_json
from tuner.config.schema import ConfirmConfig
from tuner.errors import UserError
from tuner.search.pruners.halving import Halving
from tuner.search.trials import Trial, TrialResult, ranked
from tuner.study import plan as plans
from tuner.study.confirmation import Repeating
from tuner.study.decisions import Decided
from tuner.study.events import Event, StageEpochEnded
from tuner.study.journal import JournalRecord
from tuner.study.loop import Loop
from tuner.study.plan import OutOfTime, Plan
from tuner.study.sharing import Share, asked, chosen, cost, shares
from tuner.study.stopping import Limits, Stopping

TRIALS = 60


@pytest.fixture
def record(tmp_path: Path) -> Iterator[JournalRecord]:
    with JournalRecord(tmp_path / "study", "study") as record:
        yield record


@dataclass
class Clock:
    """Seconds that only work moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Costly(FunctionTraining):
    """Trials of which an epoch costs seconds."""

    clock: Clock = field(default_factory=Clock)
    cost: float = 0.1

    def runners(self, trials: Sequence[Trial], seeds: Any = None) -> Any:
        (runner,) = super().runners(trials, seeds)
        step = runner.epoch

        def epoch(number: int) -> Any:
            self.clock.now += self.cost * len(runner.rows)
            return step(number)

        runner.epoch = epoch
        return [runner]


@dataclass
class Night:
    """A command that searches, confirms and ends within its seconds, as a session does."""

    record: JournalRecord
    seconds: float
    cost: float
    confirm: ConfirmConfig = field(default_factory=ConfirmConfig)
    promotes: bool = False
    unpromoted: str = ""

    def __post_init__(self) -> None:
        self.training = Costly(cost=self.cost)
        self.clock = self.training.clock
        self.began = self.clock.now
        self.plan = Plan(
            self.seconds, self.began, lambda settings: 1.0, EPOCHS, self.confirm,
            promotes=self.promotes, clock=self.clock,
        )  # fmt: skip
        self.study = study_of(self.record)
        self.heard = Heard()
        self.stopping = Stopping(Limits(TRIALS), self.study, self.training, 0, plan=self.plan)
        self.loop = Loop(self.study, self.training, Halving(), self.stopping, COHORT, self.heard)
        self.share: Share | None = None
        self.searched = 0.0

    def run(self) -> str:
        why = self.loop.run()
        self.searched = self.clock.now - self.began
        results = self.study.results()
        best = ranked(results)
        wanted = chosen(self.confirm, best, EPOCHS, self.plan.work, float("inf"))
        self.share = self.plan.share(wanted, results)
        if self.share is not None:
            repeating = Repeating(self.study, self.training, 0)
            repeating.confirmation(
                best[: self.share.top], self.share.seeds, self.tell, self.share.textbook
            )
        self.confirmed = self.clock.now - self.began - self.searched
        if best and self.plan.affords(self.plan.again(1.0)):
            self.clock.now += self.cost * EPOCHS  # the winner once more
        self.clock.now += plans.ENDING + plans.EACH * len(results)
        self.unpromoted = self.plan.unpromoted
        if self.promotes and not self.unpromoted:
            self.clock.now += plans.PROMOTING
        return why

    def tell(self, event: Event) -> None:
        if isinstance(event, StageEpochEnded) and self.plan.left < self.plan.ending():
            raise OutOfTime

    @property
    def took(self) -> float:
        return self.clock.now - self.began


@pytest.mark.parametrize("cost", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("seconds", [20.0, 60.0, 300.0])
@pytest.mark.parametrize("confirm", [ConfirmConfig(), ConfirmConfig(top=5, seeds=10)], ids=str)
def test_a_command_ends_in_time_and_has_a_winner(
    record: JournalRecord, seconds: float, cost: float, confirm: ConfirmConfig
) -> None:
    night = Night(record, seconds, cost, confirm)
    why = night.run()
    assert night.took <= seconds
    results = night.study.results()
    if cost * EPOCHS * 3 < seconds / 2:
        assert ranked(results), "none trained to its end"
    if len(results) < TRIALS:
        assert why.startswith("budget.deadline")


@pytest.mark.parametrize("cost", [0.01, 0.1, 1.0])
def test_the_time_of_a_promotion_is_set_aside(record: JournalRecord, cost: float) -> None:
    night = Night(record, 60.0, cost, promotes=True)
    night.run()
    assert not night.unpromoted
    assert night.took <= 60.0


def test_a_promotion_without_time_is_left_out_in_words(record: JournalRecord) -> None:
    night = Night(record, 60.0, 1.0, promotes=True)
    assert night.plan.drawing == plans.DRAWING + plans.PROMOTING
    night.clock.now += 60.0 - plans.PROMOTING
    assert night.plan.unpromoted == "budget.deadline: 60 s leave no time for it"


def test_time_that_is_there_is_used(record: JournalRecord) -> None:
    night = Night(record, 300.0, 2.0)
    why = night.run()
    assert why.startswith("budget.deadline")
    assert night.took > 0.8 * 300
    assert night.share is not None
    assert night.confirmed <= night.searched / 2


def test_where_time_suffices_nothing_is_left_out(record: JournalRecord, tmp_path: Path) -> None:
    night = Night(record, 10_000.0, 0.01)
    why = night.run()
    assert why == f"all {TRIALS} trials are done"
    assert night.share == Share(5, 10)
    with JournalRecord(tmp_path / "free", "free") as other:
        free = study_of(other)
        Loop(
            free, FunctionTraining(), Halving(), Stopping(Limits(TRIALS), free, night.training, 0),
            COHORT, Heard(),
        ).run()  # fmt: skip
        assert free.results() == night.study.results()


def test_one_trial_of_the_first_cohort_trains_to_its_end_if_there_is_time_for_no_more(
    record: JournalRecord,
) -> None:
    night = Night(record, 30.0, 0.9)
    night.run()
    states = [result.state for result in night.study.results()]
    assert states.count("COMPLETE") == 1
    assert any("leave time for only one trial" in r.reason for r in night.study.results())


def test_a_search_that_has_become_slower_ends_in_time(record: JournalRecord) -> None:
    night = Night(record, 120.0, 0.05)
    asking = night.loop.tell

    def slower(event: Event) -> None:
        asking(event)
        night.training.cost = night.cost = 0.15

    night.loop.tell = slower
    night.run()
    assert night.took <= 120.0


def result(number: int, work: float = 1.0, default: bool = False) -> TrialResult:
    origin = {"default": "adam"} if default else {}
    return TrialResult(
        number=number, state="COMPLETE", reason="", label="", evidence="", advice="",
        settings={"work": work, "number": number}, epochs=EPOCHS, diverged_at=None, start=1.0,
        value=float(number), rungs=(), validation_loss=float(number), scores={}, members=(),
        origin=origin,
    )  # fmt: skip


def work(settings: Any) -> float:
    return float(settings["work"])


BEST = [*map(result, range(6)), result(6, default=True)]


def test_what_is_confirmed_shrinks_by_seeds_first_then_by_trials_and_gets_cheaper() -> None:
    found = list(shares(Share(5, 10), Share(1, 3, False)))
    assert found[0] == Share(5, 10)
    assert found[:8] == [Share(5, seeds) for seeds in range(10, 2, -1)]
    assert found[-1] == Share(1, 3, False)
    for more, less in pairwise(found):
        assert less.top < more.top or less.seeds < more.seeds or not less.textbook
    assert cost(found[0], BEST, EPOCHS, work) == (5 + 1 + 1) * 10 * EPOCHS
    assert cost(Share(1, 3), BEST, EPOCHS, work) == 2 * 3 * EPOCHS
    assert cost(Share(1, 3), BEST[-1:], EPOCHS, work) == 3 * EPOCHS


@pytest.mark.parametrize("runs", [0, 2, 3, 4, 6, 12, 21, 40, 70, 1000])
def test_a_share_that_nobody_asked_for_costs_no_more_than_is_allowed(runs: int) -> None:
    share = chosen(ConfirmConfig(), BEST, EPOCHS, work, runs * EPOCHS)
    assert (share is None) == (runs < 3)
    if share is not None:
        assert cost(share, BEST, EPOCHS, work) <= runs * EPOCHS
    assert (share == Share(5, 10)) == (runs >= 70)


def test_numbers_that_are_given_are_done_whatever_they_cost() -> None:
    given = chosen(ConfirmConfig(top=5, seeds=10), BEST, EPOCHS, work, 0.0)
    assert given == Share(5, 10)
    assert chosen(ConfirmConfig(top=4), BEST, EPOCHS, work, 0.0) == Share(4, 3)
    assert chosen(ConfirmConfig(seeds=7), BEST, EPOCHS, work, 0.0) == Share(1, 7)
    assert chosen(ConfirmConfig(top=0), BEST, EPOCHS, work, 1e9) is None
    assert asked(ConfirmConfig(top=0)) is None


@pytest.mark.parametrize("wrong", [{"top": 0, "seeds": 3}, {"top": 1, "seeds": 10**9}, 7, "all"])
def test_a_decision_that_no_study_writes_is_refused_in_a_line(
    record: JournalRecord, wrong: Any
) -> None:
    record.put(plans.KEY, {"of": "", "shared": True, "share": wrong})
    with pytest.raises(UserError, match="was not written by tuner"):
        record.get(plans.KEY, Decided)
    assert from_json(Decided, to_json(Decided(share=Share(2, 4)))) == Decided(share=Share(2, 4))


def test_dear_trials_count_by_their_work() -> None:
    dear = [result(0, 100.0), *BEST[1:]]
    allowed = 21 * EPOCHS
    assert chosen(ConfirmConfig(), BEST, EPOCHS, work, allowed) == Share(5, 3)
    assert chosen(ConfirmConfig(), dear, EPOCHS, work, allowed) is None
