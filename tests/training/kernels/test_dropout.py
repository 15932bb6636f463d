"""Promises of dropout: which units drop is told by seed, step, layer and place alone."""

from typing import Any

import numpy as np
import pytest

from tests.training.conftest import (
    assert_identical,
    everything,
    member,
    mixed_members,
    supervised,
    train,
    trained,
)
from tuner.training.kernels.dropout import drop, mixed
from tuner.training.population import create, join, take

STATES = [np.uint64(mixed(np.uint64(mixed(seed, 0)), 7)) for seed in range(3)]


def dropped(rate: float, state: Any, samples: int = 200, units: int = 50) -> np.ndarray:
    a = np.ones((samples, units))
    drop(a, rate, state)
    return a


def test_the_numbers_are_those_of_splitmix64():
    """The first three of the sequence from 1234567, as Vigna's code gives them."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [mixed(1234567, count) for count in range(3)] == expected


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_so_many_units_drop_and_the_others_make_up_for_them(rate: float):
    for state in STATES:
        a = dropped(rate, state)
        assert set(np.unique(a)) == {0.0, 1 / (1 - rate)}
        assert np.mean(a == 0) == pytest.approx(rate, abs=0.02)
        assert a.mean() == pytest.approx(1.0, abs=0.1)


def test_a_unit_that_drops_at_a_low_rate_drops_at_a_high_one():
    low, high = dropped(0.2, STATES[0]) == 0, dropped(0.5, STATES[0]) == 0
    assert low.any()
    assert high[low].all()


def test_other_seeds_drop_other_units_as_if_by_chance():
    masks = [dropped(0.5, state) == 0 for state in STATES]
    for one in range(3):
        for other in range(one):
            assert np.mean(masks[one] == masks[other]) == pytest.approx(0.5, abs=0.02)
    # Nor do neighbours tell of each other.
    along, across = masks[0][:, 1:] == masks[0][:, :-1], masks[0][1:] == masks[0][:-1]
    assert np.mean(along) == pytest.approx(0.5, abs=0.02)
    assert np.mean(across) == pytest.approx(0.5, abs=0.02)


def dropping(hidden: tuple[int, ...] = (6, 5), **more: Any) -> Any:
    return supervised("regression", hidden, "tanh", **more)


def members(rates: list[float], **more: Any) -> list[Any]:
    return [member("sgd", trial=i, model_settings={"dropout": r}, **more)
            for i, r in enumerate(rates)]  # fmt: skip


@pytest.mark.parametrize("layer_norm", [False, True])
def test_the_gradient_is_that_of_the_units_that_stayed(layer_norm: bool):
    problem = dropping(layer_norm=layer_norm, batch_size=60)
    bound = problem.for_rows(create(problem, members([0.4, 0.0])))
    theta, step = np.random.default_rng(7).normal(scale=0.5, size=(2, problem.size)), 1e-6

    def taken(there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gradient = np.empty_like(there)
        objective = bound.attach(there, gradient, np.zeros(2))
        objective.differentiate(np.arange(30))
        return objective.losses, gradient

    direction = np.random.default_rng(8).normal(size=theta.shape)
    slope = (taken(theta + step * direction)[0] - taken(theta - step * direction)[0]) / (2 * step)
    found = (taken(theta)[1] * direction).sum(axis=1)
    np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-7)


def test_a_rate_of_nought_is_no_dropout():
    problem = dropping()
    plain = everything(*trained(problem, [member("sgd")]))
    with_rate = everything(*trained(problem, members([0.0, 0.5])))
    assert_identical(with_rate[0], plain[0])
    assert not np.array_equal(with_rate[1]["theta"], plain[0]["theta"])


def test_a_linear_model_has_nothing_to_drop():
    population, _ = trained(dropping(hidden=()), members([0.0, 0.5]))
    np.testing.assert_array_equal(population.theta[0], population.theta[1])


def test_validation_sees_all_units():
    problem = dropping()
    population, epochs = trained(problem, members([0.5]))
    X, y, _ = problem.fold.validation
    scores = problem.model.scores(population.theta[0], X)
    expected = np.square(scores - y).sum(axis=1).mean() / 2
    assert epochs[-1].metrics["validation_loss"][0] == pytest.approx(expected, rel=1e-12)


def test_every_step_and_every_layer_drops_anew():
    """With one unit in each of two layers, and a batch of one, a loss tells who dropped."""
    problem = supervised("regression", (1, 1), "tanh", batch_size=1, samples=64)
    bound = problem.for_rows(population := create(problem, members([0.5])))
    gradient = np.empty_like(population.theta)
    objective, kinds = bound.attach(population.theta, gradient, np.zeros(1)), []
    (first, *_), second = problem.tensors[:2], problem.tensors[2:4]
    for step in range(64):
        population.step[:] = step
        objective.differentiate(np.zeros(1, np.int64))
        # No slope by the second weight: the first unit, or the second, dropped.
        kinds.append((gradient[0, second[0][0]] != 0, gradient[0, first[0]] != 0))
    assert first[1] == problem.model.inputs
    assert 4 < sum(k == (True, True) for k in kinds) < 32
    assert any(k == (False, False) for k in kinds)


def test_rows_that_drop_units_never_meet():
    problem, rates = dropping(), (0.0, 0.2, 0.7)
    rows = [
        member(
            m.optimizer,
            trial=m.trial,
            seed=m.seed,
            model_settings={"dropout": rates[m.trial % 3]},
            **m.settings,
        )
        for m in mixed_members(24, seeds=(0, 1))
    ]
    together = everything(*trained(problem, rows, threads=2))
    for trial in (0, 7, 11, 23):
        assert_identical(everything(*trained(problem, [rows[trial]]))[trial], together[trial])


def test_a_row_that_joins_later_or_goes_on_drops_what_it_would_have_dropped():
    problem, rows = dropping(), members([0.3, 0.6], lr=0.1)
    straight = everything(trained(problem, rows, epochs=4)[0])
    population, _ = trained(problem, rows[:1], epochs=2)
    train(problem, population, (3, 4))
    assert_identical(everything(population)[0], straight[0])
    half, _ = trained(problem, rows[:1], epochs=2)
    both = join(half, create(problem, rows[1:]))
    train(problem, both, (3, 4))
    assert_identical(everything(take(both, [0]))[0], straight[0])
