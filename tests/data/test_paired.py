"""Promises of the paired tests: noise rarely looks like a better model, and such a one is seen."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from tuner.data.paired import LEVEL, bootstrap, delong, mcnemar, units_of

Array = np.ndarray
Draw = Callable[[np.random.Generator, int, float], float]
FEW = 200  # draws of a bootstrap, of which a simulation makes hundreds


def of_accuracy(random: np.random.Generator, n: int, gain: float) -> float:
    """Two models of one share of right rows, and of a greater one."""
    return mcnemar(random.random(n) < 0.75 + gain / 5, random.random(n) < 0.75)


def of_area(random: np.random.Generator, n: int, gain: float) -> float:
    """Two rankings that tell the classes apart alike, or one better."""
    positive = random.random(n) < 0.3
    shared, noise = random.normal(size=n), random.normal(size=(2, n))
    return delong(positive, positive * (1 + gain) + shared + noise[0], positive + shared + noise[1])


def of_errors(random: np.random.Generator, n: int, gain: float) -> float:
    """Squared errors of two models of one deviation, and of a smaller one."""
    ours = (random.normal(size=n) * (1 - gain / 2)) ** 2
    theirs = random.normal(size=n) ** 2
    return bootstrap(lambda rows: (theirs - ours)[rows].mean(), [*units_of(n, None, None)], 0, FEW)


def of_groups(random: np.random.Generator, n: int, gain: float) -> float:
    """Errors of groups of ten rows that have most of their error in common."""
    groups = np.repeat(np.arange(n // 10), 10)
    own = random.normal(size=n // 10)[groups] + 0.3 * random.normal(size=n) + gain
    return bootstrap(lambda rows: own[rows].mean(), [*units_of(n, groups, None)], 0, FEW)


def of_times(random: np.random.Generator, n: int, gain: float) -> float:
    """Errors of which neighbours in time are alike."""
    steps = random.normal(size=n + 3)
    own = sum(steps[k : n + k] for k in range(3)) / 3 + gain
    return bootstrap(lambda rows: own[rows].mean(), [*units_of(n, None, np.arange(n))], 0, FEW)


CASES: dict[str, tuple[Draw, int]] = {
    "accuracy": (of_accuracy, 200),
    "area": (of_area, 100),
    "errors": (of_errors, 30),
    "groups": (of_groups, 200),
    "times": (of_times, 216),
}


def share(draw: Draw, n: int, gain: float, studies: int = 400) -> float:
    """In how many studies a model is called better."""
    random = np.random.default_rng(0)
    return float(np.mean([draw(random, n, gain) <= LEVEL for _ in range(studies)]))


@pytest.mark.parametrize("case", CASES)
def test_noise_is_called_better_in_one_study_of_twenty_at_most(case: str) -> None:
    draw, n = CASES[case]
    # By chance 400 studies show more than 7 % of true 5 % in one run of 40.
    assert share(draw, n, 0.0) <= 0.07


@pytest.mark.parametrize("case", CASES)
def test_a_clearly_better_model_is_seen(case: str) -> None:
    draw, n = CASES[case]
    assert share(draw, n, 1.0, studies=40) >= 0.8


@pytest.mark.parametrize("case", CASES)
def test_a_worse_model_is_never_called_better(case: str) -> None:
    draw, n = CASES[case]
    assert share(draw, n, -1.0, studies=40) == 0


def test_mcnemar_is_the_binomial_of_the_rows_that_differ() -> None:
    ours = np.array([True] * 30 + [False] * 10)
    theirs = np.array([True] * 18 + [False] * 12 + [True] * 4 + [False] * 6)
    assert mcnemar(ours, theirs) == pytest.approx(binom.sf(11, 16, 0.5))
    assert mcnemar(ours, ours) == 1.0


def test_delong_is_what_its_definition_says() -> None:
    random = np.random.default_rng(3)
    positive = random.random(40) < 0.4
    ours, theirs = np.round(positive + random.normal(size=(2, 40)), 1)  # with ties

    def kernel(ranking: Array) -> Array:
        above, below = ranking[positive][:, None], ranking[~positive]
        return (above > below) + 0.5 * (above == below)

    psi = np.stack([kernel(ours), kernel(theirs)])
    areas = psi.mean(axis=(1, 2))
    assert areas == pytest.approx([roc_auc_score(positive, r) for r in (ours, theirs)])
    hits, others = psi.shape[1:]
    covariance = np.cov(psi.mean(axis=2)) / hits + np.cov(psi.mean(axis=1)) / others
    z = (areas[0] - areas[1]) / np.sqrt(np.array([1, -1]) @ covariance @ [1, -1])
    from scipy.stats import norm

    assert delong(positive, ours, theirs) == pytest.approx(norm.sf(z))


def test_a_ranking_without_mistakes_of_few_rows_proves_nothing() -> None:
    few, many = np.arange(4) >= 2, np.arange(40) >= 20
    assert delong(few, few * 1.0, np.zeros(4)) == pytest.approx(1 / 6)
    assert delong(many, many * 1.0, np.zeros(40)) < 1e-9
    assert delong(np.arange(9) == 0, np.arange(9.0), np.zeros(9)) == 1.0


def test_few_rows_that_are_all_better_prove_nothing() -> None:
    def all_better(rows: Array) -> float:
        return 1.0

    assert bootstrap(all_better, [*units_of(5, None, None)], 0) == 0.5**5
    assert bootstrap(all_better, [*units_of(50, None, None)], 0) < LEVEL
    one = [*units_of(50, np.zeros(50), None)]
    assert bootstrap(all_better, one, 0) == 1.0


def test_a_difference_that_has_no_number_proves_nothing() -> None:
    assert bootstrap(lambda rows: np.nan, [*units_of(50, None, None)], 0) == 1.0


def test_groups_and_stretches_of_time_hold_each_row_once() -> None:
    random = np.random.default_rng(0)
    names = np.array(["b", "a", "c"])[random.integers(3, size=50)]
    groups = [*units_of(50, names, None)]
    assert [len(set(names[unit])) for unit in groups] == [1, 1, 1]
    times = [*units_of(50, None, random.permutation(50))]
    for units in (groups, times):
        assert sorted(np.concatenate(units)) == [*range(50)]


def test_the_same_seed_draws_the_same() -> None:
    own = np.random.default_rng(1).normal(size=60) + 0.2
    drawn = [bootstrap(lambda rows: own[rows].mean(), own_units(60), seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def own_units(n: int) -> list[Array]:
    """Each row by itself."""
    return [*units_of(n, None, None)]
