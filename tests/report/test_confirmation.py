"""What is said of a confirmation follows from its intervals, and never says two things."""

from collections.abc import Sequence

import numpy as np
import pytest

from tuner.report.confirmation import over_defaults, ranking, worth
from tuner.report.reached import plus_minus
from tuner.search.statistics import Interval
from tuner.search.trials import Goal
from tuner.study.confirmation import Repeats, by_mean, equals, over_best, simplest
from tuner.study.results import Confirmation, ConfirmedDefault, ConfirmedTrial, Repeated

ADAM = {"optimizer": "adam", "schedule": "cosine"}


def confirmed(
    choosing: Sequence[Sequence[float | None]], judging: Sequence[float], default: Sequence[float]
) -> Confirmation:
    """Of trials whose last one is the textbook's, with what judges the winner and that one."""
    order = by_mean([Repeats(i, ADAM, 0.1, own, ()) for i, own in enumerate(choosing)])
    winner, why = simplest(order)
    alike, worse = {r.trial for r in equals(order)}, over_best(order)
    judged = Repeats(winner.trial, ADAM, 0.1, judging, ())
    book = Repeats(len(choosing) - 1, ADAM, 0.1, default, ())
    return Confirmation(
        seeds=len(judging),
        trials=tuple(
            ConfirmedTrial(**r.fields(worse.get(r.trial)), alike=r.trial in alike) for r in order
        ),
        winner=winner.trial,
        why=why,
        judged=Repeated(**judged.fields()),
        defaults=(
            ConfirmedDefault(
                **book.fields(book.over(judged)), origin={"default": "adam", "unlike": []}
            ),
        ),
    )


def said(found: Confirmation) -> str:
    return "\n".join([*ranking(found, Goal()), *over_defaults(found, Goal())])


LOW, HIGH = [0.1, 0.11, 0.12], [0.5, 0.52, 0.51]
NOISY = [0.3, 0.05, 0.1]


def test_a_lead_on_all_seeds_is_no_noise():
    words = said(confirmed([LOW, HIGH], LOW, HIGH))
    assert "Trial 0 was chosen: its lead exceeds the noise." in words
    assert "better." in words


def test_a_lead_that_other_seeds_do_not_show_over_the_textbook_is_said_to_be_that():
    words = said(confirmed([LOW, HIGH], LOW, NOISY))
    assert "its lead exceeds the noise" not in words
    assert (
        "beats the other confirmed trials by more than the noise; but on the other seeds it is "
        "within the noise of the textbook settings, trial 1." in words
    )
    assert "the difference from the winner is within the noise" in words


def test_textbook_settings_that_are_better_on_other_seeds_are_named_where_the_winner_is():
    words = said(confirmed([LOW, HIGH], HIGH, LOW))
    assert "its lead exceeds the noise" not in words
    assert "trials by more than the noise; but on the other seeds trial 1 is better." in words
    assert "worse." in words


def test_those_that_diverged_are_not_led_by_more_than_noise():
    words = said(confirmed([LOW, [None, 0.5, 0.5]], LOW, HIGH))
    assert "Trial 0 was chosen: it alone trained to the end on all seeds." in words
    words = said(confirmed([[None, 0.1, 0.1], [None, None, 0.1]], LOW, HIGH))
    assert "Trial 0 was chosen: it diverged on the fewest seeds." in words


@pytest.mark.parametrize("seed", range(3))
def test_a_lead_is_no_noise_only_where_all_others_are_worse_beyond_their_intervals(
    seed: int,
):
    rng = np.random.default_rng(seed)
    for _ in range(200):
        shift = rng.uniform(0, 3)
        values = (rng.normal(size=(3, 4)) + shift * np.arange(3)[:, None]).tolist()
        words = said(confirmed(values, values[0], values[2]))
        lead = "its lead exceeds the noise" in words
        assert not lead or ("as good as" not in words and "within the noise" not in words)
        for line in words.splitlines():
            if "worse by" in line:
                mean, half = map(float, line.rsplit("worse by ", 1)[1].split(" +- "))
                assert mean > half


@pytest.mark.parametrize("mean", [0.065, 0.06504, 0.0650001, 0.07])
def test_a_difference_beyond_its_interval_is_written_as_one(mean: float):
    shown, half = map(
        float, plus_minus(Interval(mean, mean - 0.06499999, mean + 0.06499999)).split(" +- ")
    )
    assert shown > half


def test_a_difference_by_rounding_alone_is_none() -> None:
    found = confirmed([LOW, HIGH], [0.1, 0.1 + 3e-16, 0.1], HIGH)
    assert worth(found, Goal()).endswith("the search had 0.1, the same")
