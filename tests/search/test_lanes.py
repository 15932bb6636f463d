"""Promises of lanes: curves with gaps, and trials of which nothing is measured at the start."""

import math

import numpy as np
import pytest

from tuner.search.lanes import Lane, filled
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
