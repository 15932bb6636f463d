"""Promises of the tracker: which records a study's events become."""

import pytest

from tests.search.conftest import outcome
from tuner.processes.deadline import Deadline
from tuner.search.trials import Goal, Trial
from tuner.study.events import TrialsEnded
from tuner.tracking.records import Points, Record, RunBegins
from tuner.tracking.tracker import Tracker


class Kept:
    """Keeps records, with the two methods of a writer that a tracker calls here."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def put(self, record: Record) -> None:
        self.records.append(record)

    def sync(self) -> None:
        return None


@pytest.mark.parametrize("again", [False, True])
def test_trials_that_are_trained_again_are_not_among_the_best_so_far(again: bool) -> None:
    kept = Kept()
    tracker = Tracker(kept, Deadline(), RunBegins(None, "study", 0), Goal())  # type: ignore[arg-type]
    tracker(TrialsEnded([outcome(Trial(0, {}, 0), "COMPLETE", [2.0, 1.0])], again))
    best = [own for own in kept.records if isinstance(own, Points) and own.number is None]
    assert len(best) == (0 if again else 1)
