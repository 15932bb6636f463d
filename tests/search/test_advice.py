"""Promises of advice: it is true of the study that it is given in."""

from collections.abc import Sequence
from itertools import product

import pytest

from tuner.search.advice import advised
from tuner.search.trials import TrialResult
from tuner.training.curves import DECAY, LOWER, NONE, OR, RAISE

ADVICE = {
    "slow": f"{RAISE}{OR}train longer, about 2 times",
    "oscillating": f"{LOWER} about 2 times{OR}let it {DECAY} further",
    "plateau": f"let the learning rate {DECAY}",
    "converged": NONE,
    "overfitting": "regularise, or stop at epoch 3",
    "diverged": f"{LOWER} about 3 times",
}


def told(
    number: int, rate: float, value: float, label: str = "slow", **settings: object
) -> TrialResult:
    """A trial that began at 2 and ended at this value, or diverged."""
    state = "DIVERGED" if label == "diverged" else "COMPLETE"
    chosen = {"optimizer": "sgd", "optimizer.sgd.lr": rate, **settings}
    return TrialResult(
        number, state, "", {}, label, "", ADVICE[label], chosen, 10, None, 2.0, value, (), value,
        {}, (),
    )  # fmt: skip


def advice(*trials: TrialResult) -> list[str]:
    return [t.advice for t in advised(trials)]


def sweep(values: Sequence[float], labels: Sequence[str]) -> list[TrialResult]:
    return [
        told(i, 10.0 ** (i - 4), value, label)
        for i, (value, label) in enumerate(zip(values, labels, strict=True))
    ]


@pytest.mark.parametrize("label", ADVICE)
def test_advice_of_a_trial_that_is_alone_is_that_of_its_curve(label: str):
    assert advice(told(0, 0.1, 1.0, label)) == [ADVICE[label]]


@pytest.mark.parametrize(("low", "best", "high"), [*product(ADVICE, ["slow", "converged"], ADVICE)])
def test_advice_points_to_the_rate_that_did_best_whatever_the_labels(
    low: str, best: str, high: str
):
    below, _, above = advice(*sweep([1.5, 0.1, 1.0], [low, best, high]))
    assert LOWER in above
    assert RAISE not in above
    assert (RAISE in below) == (low != "diverged")
    assert LOWER not in below


@pytest.mark.parametrize(("label", "other"), [*product(ADVICE, ADVICE)])
def test_the_best_is_not_sent_where_others_did_no_better(label: str, other: str):
    if label == "diverged":
        return
    _, best, _ = advice(*sweep([1.5, 0.1, 1.0], [other, label, other]))
    assert RAISE not in best
    assert LOWER not in best


def test_a_rate_is_not_raised_into_rates_that_diverged():
    trials = sweep([1.5, 1.2, 9.0, 0.1], ["slow", "slow", "diverged", "slow"])
    below, next_to, diverged, best = advice(*trials)
    assert below == f"{RAISE}: trial 1 got a better result with 0.001"
    assert RAISE not in next_to + diverged + best


def test_where_all_diverged_the_rate_is_lowered_by_theory():
    assert advice(*sweep([9.0, 9.0], ["diverged"] * 2)) == [ADVICE["diverged"]] * 2


def test_a_difference_that_noise_makes_sends_nobody_anywhere():
    assert advice(*sweep([0.11, 0.1], ["converged"] * 2)) == [NONE] * 2


def test_trials_of_other_optimizers_and_models_say_nothing_of_a_rate():
    others = [
        told(1, 1e-4, 0.1, "converged", optimizer="adam", **{"optimizer.adam.lr": 1e-4}),
        told(2, 1e-4, 0.1, "converged", model="linear"),
    ]
    assert advice(told(0, 0.1, 1.0, "slow"), *others)[0] == ADVICE["slow"]


def test_advice_changes_nothing_else():
    for before, after in zip(
        trials := sweep([1.5, 0.1], ["slow", "slow"]), advised(trials), strict=True
    ):
        assert (before.number, before.label, before.value) == (
            after.number,
            after.label,
            after.value,
        )
