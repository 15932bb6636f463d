"""Promises of a deadline: all waits share it, and a signal shortens it."""

from threading import Event

import pytest

from tuner.processes import deadline
from tuner.processes.deadline import Deadline


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that it reads, to be set."""
    now = [100.0]
    monkeypatch.setattr(deadline.time, "monotonic", lambda: now[0])
    return now


def test_it_begins_with_the_first_wait_and_all_waits_share_it(clock: list[float]) -> None:
    own = Deadline(60)
    clock[0] += 1000
    assert own.left() == 60
    clock[0] += 45
    assert own.left() == 15
    clock[0] += 20
    assert own.left() == 0


@pytest.mark.parametrize(("waited", "left"), [(0, 10), (30, 10), (55, 5)])
def test_a_signal_leaves_ten_seconds_at_the_most(
    clock: list[float], waited: float, left: float
) -> None:
    stop = Event()
    own = Deadline(60, stop)
    own.left()
    clock[0] += waited
    stop.set()
    assert own.left() == left
    clock[0] += 4
    assert own.left() == left - 4
