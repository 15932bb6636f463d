"""Promises of the range test: which rates it tries, and what it makes of their runs."""

import numpy as np
import pytest

from tuner.composing import compose
from tuner.config import Config, check
from tuner.data import DataSet, load
from tuner.study.range_test import fingerprint, grid, held, optimizers_of, reach, settled


def config(*overrides: str) -> Config:
    return check(compose(["job=range_test", *overrides], None))


def iris(seed: int) -> DataSet:
    return load("iris", seed=seed, dtype="float32")


def test_what_decides_the_test_is_in_its_fingerprint_and_nothing_else() -> None:
    def key(*overrides: str) -> str:
        asked = config("data=iris", *overrides)
        return fingerprint(asked, iris(0))

    assert key() == key("threads=1", "root=x", "tracking=none", "checkpoint.seconds=5", "fix=true")
    asked = config("data=iris")
    other = iris(1)
    different = {key("study.seed=1"), key("range.seeds=4"), fingerprint(asked, other)}
    assert len({key(), *different}) == 4


@pytest.mark.parametrize(
    ("rate", "low", "high"),
    [
        ("{low: 1e-4, high: 1e-1, scale: log}", 1e-5, 1.0),
        ("{choices: [0.01, 0.1]}", 1e-3, 1.0),
        ("0.01", 1e-4, 1.0),
    ],
)
def test_the_rates_reach_beyond_those_of_the_config(rate: str, low: float, high: float) -> None:
    rates = grid(config(f"optimizer.adam.lr={rate}"), "adam")
    assert (rates[0], rates[-1]) == (pytest.approx(low), pytest.approx(high))
    assert len(rates) == 4 * round(np.log10(high / low)) + 1
    np.testing.assert_allclose(rates[1:] / rates[:-1], 10**0.25)


def test_what_is_searched_is_held_at_the_textbook_or_as_near_as_the_range_allows() -> None:
    space = config(
        "optimizer.adam.beta1={low: 0.2, high: 0.5}", "model.mlp.hidden=[{low: 8, high: 24}]"
    ).space
    settings = held(space, "adam")
    assert settings["optimizer.adam.beta1"] == 0.5
    assert settings["optimizer.adam.beta2"] == 0.999
    assert settings["model.mlp.hidden.0"] == 16
    assert optimizers_of(space) == ("adam",)


NAN = float("nan")


@pytest.mark.parametrize(
    ("losses", "rate"),
    [
        ([[3, 2, 3], [3, 2, 3]], 0.3),
        ([[1, 2, 3], [1, 2, 3]], 0.1),
        ([[3, 2, 1], [3, 2, 1]], 1.0),
        ([[1, 2, 0], [1.9, 2, 1]], 1.0),
        ([[0, 2, 3], [2.1, 2, 3]], 0.3),  # the seeds do not agree
        ([[3, NAN, NAN], [3, 2, NAN]], 0.3),
        ([[3, NAN, NAN], [3, NAN, NAN]], 0.1),
        ([[NAN, NAN, NAN], [NAN, NAN, NAN]], 0.3),
    ],
)
def test_confirming_runs_move_the_suggestion_only_if_every_seed_agrees(
    losses: list[list[float]], rate: float
) -> None:
    assert settled(np.array([0.1, 0.3, 1.0]), np.array(losses, dtype=float), 2.0) == rate


def test_a_range_has_two_ends_also_where_all_seeds_agree_on_one_rate() -> None:
    rates = np.geomspace(1e-3, 1, 4)
    assert reach([0.01, 0.01, 0.010001], rates) == (0.00316, 0.0316)
    assert reach([0.01, 0.1, 0.02], rates) == (0.01, 0.1)


def test_confirming_runs_never_move_it_beyond_the_largest_stable_rate() -> None:
    losses = np.array([[3.0, 2.0, 1.0]])
    assert settled(np.array([0.1, 0.3, 1.0]), losses, 0.9) == 0.3
