"""Promises of lanes: curves with gaps, and trials of which nothing is measured at the start."""

import math

import numpy as np
import pytest

from tuner.search.lanes import GUARDED, Lane, filled
from tuner.search.trials import Goal, Trial

NAN = math.nan


def lane(initial: float, *losses: float) -> Lane:
    made = Lane(Trial(0, {}, 0), Goal(), initial={"validation_loss": initial})
    for loss in losses:
        made.add({"validation_loss": loss})
    return made


@pytest.mark.parametrize(
    ("initial", "losses", "start"),
    [(3.0, (2.0, 1.0), 3.0), (NAN, (2.0, 1.0), 2.0), (NAN, (), None), (math.inf, (2.0,), None)],
)
def test_a_trial_starts_with_the_first_number_that_is_known(
    initial: float, losses: tuple[float, ...], start: float | None
) -> None:
    assert lane(initial, *losses).outcome("COMPLETE", "").result().start == start


def test_a_curve_that_comes_late_or_pauses_has_gaps() -> None:
    made = lane(NAN, 3.0)
    made.add({"validation_loss": 2.0, "accuracy": 0.5})
    made.add({"validation_loss": 1.0})
    made.end_with({"test_loss": 0.9})
    kept = made.outcome("COMPLETE", "").kept_curves()
    assert kept == {
        "validation_loss": [None, 3.0, 2.0, 1.0],
        "accuracy": [None, None, 0.5, None],
        "test_loss": [None, None, None, 0.9],
    }


def test_a_gap_holds_the_number_before_it() -> None:
    np.testing.assert_array_equal(filled([1.0, NAN, NAN, 2.0]), [1.0, 1.0, 1.0, 2.0])
    np.testing.assert_array_equal(filled([NAN, 2.0, NAN]), [NAN, 2.0, 2.0])
    assert filled([]).size == 0


def ended(losses: list[float]) -> bool:
    """Whether a run with these training losses, the first before its first step, ends far above."""
    made = Lane(Trial(0, {}, 0), Goal(), initial={GUARDED: losses[0]})
    for loss in losses[1:]:
        made.add({GUARDED: loss})
    return made.far_above


def test_a_loss_that_falls_from_far_above_its_start_has_not_come_back():
    """Gradient descent on separable classes at a rate of 1e30: its loss falls, by 4 % an epoch."""
    assert ended([2.3, *(5e28 * 0.96**epoch for epoch in range(20))])
    assert not ended([2.3, 5e28, 1e10, 2.2])
    assert not ended([2.3, *[3.0] * 9])  # which the guard judges


def test_nothing_that_may_come_back_is_far_above_its_start():
    """The heavy ball at its limit, whatever its momentum; rates thrown up by five decades."""
    for momentum in (0.0, 0.5, 0.9, 0.99):
        distance, velocity, losses = 1.0, 0.0, [1.0]
        for _ in range(1000):
            velocity = momentum * velocity - (2 + 2 * momentum) * distance
            distance += velocity
            losses.append(distance**2)
        assert not any(ended(losses[:length]) for length in range(2, 1001, 37))
    assert not ended([2.3, *(2.3e5 * 0.5**epoch for epoch in range(9))])
    assert not ended([0.0, 1.0, 0.5])  # of a start at the minimum nothing is a multiple


def test_what_is_no_loss_of_training_is_never_far_above_its_start():
    made = Lane(Trial(0, {}, 0), Goal("accuracy", True), initial={"accuracy": 1e-9})
    made.add({"accuracy": 0.9})
    assert not made.far_above
