"""Promises of the statistics: no bias, honest intervals, the table of published winners."""

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tuner.search.statistics import (
    CONFIDENCE,
    Interval,
    best_of_k,
    deviation,
    expanded,
    expected_best,
    interval,
    profile,
    ratios_of,
    winners,
    worth,
)

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "deepobs_baselines_curves.npz"
BUDGETS = (1, 2, 4, 8, 16, 32)

# Who has the lowest expected test loss after k learning rates, for k = 1, 2, 4, 8, 16, 32.
WINNERS = {
    "cifar100_allcnnc": ["momentum", "momentum", "adam", "adam", "adam", "adam"],
    "cifar10_3c3d": ["adam", "adam", "adam", "adam", "adam", "adam"],
    "fmnist_2c2d": ["sgd", "sgd", "sgd", "sgd", "sgd", "adam"],
    "fmnist_vae": ["sgd", "sgd", "sgd", "adam", "adam", "adam"],
    "mnist_vae": ["sgd", "sgd", "sgd", "adam", "adam", "adam"],
    "quadratic_deep": ["adam", "adam", "adam", "momentum", "momentum", "momentum"],
    "svhn_wrn164": ["sgd", "sgd", "sgd", "adam", "momentum", "sgd"],
    "tolstoi_char_rnn": ["momentum", "momentum", "momentum", "sgd", "sgd", "sgd"],
}


OPTIMIZERS = {"sgd": "GradientDescent", "momentum": "Momentum", "adam": "Adam"}


@pytest.fixture(scope="module")
def deepobs() -> dict[str, dict[str, list[float]]]:
    """By problem and optimizer what each learning rate was worth, of runs of DeepOBS."""
    if not PUBLISHED.exists():
        pytest.skip("the curves of real runs are not beside the project")
    with np.load(PUBLISHED, allow_pickle=False) as file:
        runs = {key: file[key] for key in ("problem", "optimizer", "lr", "seed", "n_logged")}
        test = file["test"].astype(float)

    def values(problem: str, optimizer: str) -> list[float]:
        alike = (runs["problem"] == problem) & (runs["seed"] == 42)
        (rows,) = np.nonzero(alike & (runs["optimizer"] == f"{optimizer}Optimizer"))
        rows = rows[np.argsort(runs["lr"][rows])]
        final = test[rows, runs["n_logged"][rows] - 1]
        return [worth(*pair) for pair in zip(final, test[rows, 0], strict=True)]

    return {
        problem: {name: values(problem, theirs) for name, theirs in OPTIMIZERS.items()}
        for problem in WINNERS
    }


@pytest.mark.parametrize("problem", WINNERS)
def test_the_winner_by_budget_on_published_curves(
    problem: str, deepobs: dict[str, dict[str, list[float]]]
):
    assert winners(deepobs[problem], BUDGETS) == WINNERS[problem]


def test_the_winner_changes_with_the_budget_on_seven_of_eight_problems(
    deepobs: dict[str, dict[str, list[float]]],
):
    changes = [len(set(winners(own, BUDGETS))) > 1 for own in deepobs.values()]
    assert (sum(changes), len(changes)) == (7, 8)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_the_expected_best_is_the_mean_over_all_choices(k: int):
    values = [0.3, 0.1, 2.5, 0.7, 0.1, 0.4]
    brute = np.mean([min(chosen) for chosen in combinations(values, k)])
    assert expected_best(values, k) == pytest.approx(brute)


def test_the_expected_best_is_unbiased():
    """Over many samples of 8 its mean is that of the best of 3 fresh values."""
    rng = np.random.default_rng(0)
    told = [expected_best(list(rng.random(8)), 3) for _ in range(4000)]
    assert np.mean(told) == pytest.approx(1 / 4, abs=4 * np.std(told) / np.sqrt(4000))


def test_the_curve_of_the_best_is_the_expected_best_within_its_band():
    values = list(np.random.default_rng(1).random(30))
    curve = best_of_k(values)
    assert [i.mean for i in curve] == [expected_best(values, k) for k in range(1, 31)]
    assert all(i.low <= i.mean <= i.high for i in curve)
    assert curve == best_of_k(values)
    plain = stats.bootstrap((values,), np.mean, method="percentile", rng=0).confidence_interval
    assert (curve[0].low, curve[0].high) == pytest.approx((plain.low, plain.high), rel=0.05)


def test_the_deviation_is_that_of_a_sample():
    values = [1.0, 2.0, 4.0, 7.0]
    assert deviation(values) == pytest.approx(np.std(values, ddof=1))


@pytest.mark.parametrize("n", [5, 12, 60])
def test_an_interval_is_a_bootstrap_interval_of_expanded_percentiles(n: int):
    values = list(np.random.default_rng(n).lognormal(size=n))
    ours = interval(values)
    theirs = stats.bootstrap(
        (values,), np.mean, confidence_level=1 - 2 * expanded(n), method="percentile",
        n_resamples=10_000, rng=1,
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    assert ours.mean == pytest.approx(np.mean(values))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.05 * width)


def test_many_values_leave_the_usual_percentiles():
    assert expanded(10**6) == pytest.approx((1 - CONFIDENCE) / 2, rel=1e-3)
    assert expanded(5) < expanded(20) < expanded(10**6)


def test_intervals_of_few_values_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    held = [
        i.low <= 1 <= i.high
        for i in (interval(list(rng.normal(1, 1, size=10)), seed) for seed in range(400))
    ]
    # The plain percentiles hold it 90 times of 100.
    assert np.mean(held) == pytest.approx(CONFIDENCE, abs=0.025)


def test_what_never_differs_has_no_spread_and_a_lone_value_no_bounds():
    assert interval([0.3] * 4) == Interval(pytest.approx(0.3), *[pytest.approx(0.3)] * 2)
    assert interval([0.3]) == Interval(0.3, -math.inf, math.inf)
    assert interval([0.3]).holds_zero


def test_a_budget_beyond_the_trials_has_no_winner():
    with pytest.raises(ValueError, match="5: must be at most the number of trials, 3"):
        winners({"a": [1.0] * 6, "b": [1.0] * 3}, [1, 5])


def test_a_trial_that_is_lost_is_worth_its_start():
    assert [worth(v, 2.0) for v in (0.5, 3.0, math.nan, math.inf)] == [0.5, 2.0, 2.0, 2.0]


def test_a_profile_starts_with_the_share_of_wins_and_ends_with_that_of_solved_problems():
    costs = {"a": [1.0, 4.0, math.inf, math.inf], "b": [2.0, 2.0, 5.0, math.inf]}
    assert ratios_of(costs) == {
        "a": [1, 2, math.inf, math.inf], "b": [2, 1, 1, math.inf],
    }  # fmt: skip
    shares = profile(costs, (1, 1.99, 2, math.inf))
    assert shares == {"a": [0.25, 0.25, 0.5, 0.5], "b": [0.5, 0.5, 0.75, 0.75]}
