"""Promises of the loop: who hears of what and when, and what an error or a stop leaves behind."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from tests.study.conftest import COHORT, EPOCHS, SPACE, FunctionTraining, Heard, loop_of, study_of
from tuner.search import samplers
from tuner.search.samplers import Sampler
from tuner.search.space import Choices, Space
from tuner.study.events import (
    Asked,
    CohortEnded,
    EpochEnded,
    Event,
    StageBegan,
    TrialsEnded,
    tell_all,
)  # fmt: skip
from tuner.study.journal import JournalRecord
from tuner.study.study import Study
from tuner.training.loop import Interrupted


@pytest.fixture
def record(tmp_path: Path) -> Iterator[JournalRecord]:
    with JournalRecord(tmp_path / "study", "study") as record:
        yield record


def at(epoch: int, error: BaseException, after: int = 0) -> FunctionTraining:
    """A training that this stops before an epoch, once it has come there so many times before."""
    times = iter(range(after))

    def before(now: int) -> None:
        if now == epoch and next(times, None) is None:
            raise error

    return FunctionTraining(before=before)


def test_a_cohort_is_asked_trained_told_and_put_on_record(record: JournalRecord) -> None:
    heard = Heard()
    why = loop_of(study_of(record), FunctionTraining(), heard).run()
    assert why == f"all {2 * COHORT} trials are done"
    order = [kind for kind, _ in groupby(type(event) for event in heard)]
    assert order == 2 * [Asked, EpochEnded, TrialsEnded, CohortEnded]
    assert [t.number for e in heard.of(Asked) for t in e.trials] == list(range(2 * COHORT))
    assert [e.epoch for e in heard.of(EpochEnded)] == 2 * list(range(EPOCHS + 1))
    running = [e.running for e in heard.of(EpochEnded)][: EPOCHS + 1]
    assert running == sorted(running, reverse=True)
    told = [[o.trial.number for o in e.outcomes] for e in heard.of(TrialsEnded)]
    assert told == [list(range(COHORT)), list(range(COHORT, 2 * COHORT))]
    assert [len(e.results) for e in heard.of(CohortEnded)] == [COHORT, 2 * COHORT]


def test_trials_are_on_record_before_anyone_hears_that_they_are_asked(
    record: JournalRecord,
) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, Asked):
            known = record.trials()
            assert all(SPACE.settings_of(known[t.number]) == t.settings for t in event.trials)

    loop_of(study_of(record), FunctionTraining(), listen).run()
    assert len(record.trials()) == 2 * COHORT


def test_listeners_hear_how_trials_ended_before_the_record_does(record: JournalRecord) -> None:
    heard: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, TrialsEnded):
            numbers = {outcome.trial.number for outcome in event.outcomes}
            assert not numbers & record.results().keys()
            heard.extend(numbers)
        if isinstance(event, CohortEnded):
            assert [record.results()[r.number] for r in event.results] == list(event.results)
            assert set(heard) == record.results().keys()

    loop_of(study_of(record), FunctionTraining(), listen).run()
    assert heard == list(range(2 * COHORT))


def test_what_a_listener_did_not_take_is_trained_again(record: JournalRecord) -> None:
    """As after a kill between the tracker and the record."""

    def broken(event: Event) -> None:
        if isinstance(event, TrialsEnded):
            raise OSError("disk full")

    first, again = Heard(), Heard()
    with pytest.raises(OSError, match="disk full"):
        loop_of(study_of(record), FunctionTraining(), tell_all([first, broken])).run()
    assert record.results() == {}
    loop_of(study_of(record), FunctionTraining(), again, trials=COHORT).run()
    assert again.of(TrialsEnded) == first.of(TrialsEnded)


@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (ZeroDivisionError("two\nlines"), "FAILED", "ZeroDivisionError: two\nlines"),
        (Interrupted(), "INTERRUPTED", "training was interrupted"),
    ],
)
def test_whatever_stops_a_cohort_is_heard_and_the_study_goes_on_as_if_it_had_not_been(
    error: BaseException, state: str, reason: str, epoch: int, record: JournalRecord, tmp_path: Path
) -> None:
    heard = Heard()
    with pytest.raises(type(error)):
        loop_of(study_of(record), at(epoch, error, after=1), heard).run()
    stopped = [o for o in heard.of(TrialsEnded)[-1].outcomes if o.state == state]
    assert stopped
    assert {(o.reason, o.epochs) for o in stopped} == {(reason, epoch - 1)}
    assert record.results().keys() == set(range(COHORT))
    assert isinstance(heard[-1], TrialsEnded)

    again = study_of(record)
    assert again.finished == COHORT
    loop_of(again, FunctionTraining(), Heard()).run()
    with JournalRecord(tmp_path / "whole", "whole") as other:
        whole = study_of(other)
        loop_of(whole, FunctionTraining(), Heard()).run()
    assert again.results() == whole.results()


@pytest.mark.parametrize("sampler", [samplers.load(name)() for name in samplers.names()], ids=str)
def test_an_end_for_want_of_settings_is_told(record: JournalRecord, sampler: Sampler) -> None:
    heard = Heard()
    space = Space({}, {"x": Choices((0.1, 0.2)), "width": Choices((1, 2))}, {})
    why = loop_of(Study(record, space, sampler, 0), FunctionTraining(), heard).run()
    assert why == "all 4 settings of the space were tried"
    assert heard[-1] == StageBegan(why)
    assert len(record.results()) == 4


def test_a_study_that_has_its_trials_asks_nothing(record: JournalRecord) -> None:
    loop_of(study_of(record), FunctionTraining(), Heard()).run()
    heard = Heard()
    assert loop_of(study_of(record), FunctionTraining(), heard).run() == "all 12 trials are done"
    assert heard == []


def test_what_is_told_after_an_epoch_is_the_cohort_as_it_stands(record: JournalRecord) -> None:
    live = []

    def listen(event: Event) -> None:
        if isinstance(event, EpochEnded):
            curves = event.curves()
            live.append((event, curves))
            assert len(curves) == event.running
            assert event.running + event.pruned + event.diverged <= COHORT
            assert {len(c) for own in curves.values() for c in own.values()} <= {event.epoch + 1}

    heard = Heard()
    loop_of(study_of(record), FunctionTraining(), tell_all([listen, heard])).run()
    kept = dict(record.curves())
    for _, curves in live:
        for number, own in curves.items():
            assert own == {name: kept[number][name][: len(c)] for name, c in own.items()}
    lasts = [event.best for event, _ in live if event.epoch == EPOCHS]
    assert all(last is not None for last in lasts)


def test_a_cohort_that_is_stopped_before_it_has_begun_tells_no_numbers_and_begins_again(
    record: JournalRecord,
) -> None:
    def stopped(errors: np.ndarray) -> np.ndarray:
        raise Interrupted

    heard = Heard()
    training = FunctionTraining(curves={"train_loss": np.copy, "validation_loss": stopped})
    with pytest.raises(Interrupted):
        loop_of(study_of(record), training, heard).run()
    assert not heard.of(TrialsEnded)
    assert not record.results()
    loop_of(study_of(record), FunctionTraining(), heard, trials=COHORT).run()
    assert list(record.results()) == list(range(COHORT))
