"""Promises of descents: the settings that descend, and the paths that they take."""

from threading import Event

import numpy as np
import pytest

from tuner.composing import compose
from tuner.config import Config, check
from tuner.study import descent
from tuner.training import functions


def config(*overrides: str) -> Config:
    return check(compose(["job=plot_descent", *overrides], None))


def rivals(*overrides: str) -> descent.Rivals:
    made = config("model=beale", *overrides)
    branches = made.space.branches
    return descent.Rivals(made, branches["optimizer"][0], branches["schedule"][0])


def paths(*overrides: str) -> list[descent.Path]:
    made = config("budget.trials=4", *overrides)
    _, function = descent.drawn_function(made)
    members = [
        m
        for name in made.space.branches["optimizer"]
        for m in descent.Rivals(made, name, made.space.branches["schedule"][0]).members
    ]
    return descent.descend(made, function, members, Event())


def test_numbers_are_used_as_they_are() -> None:
    made = rivals(
        "optimizer=momentum", "optimizer.momentum.lr=0.01", "optimizer.momentum.momentum=0.5"
    )
    (only,) = made.members
    assert only.settings["lr"] == 0.01
    assert only.settings["momentum"] == 0.5
    assert made.shown(only)[0] == ("lr", 0.01)


def test_ranges_are_spread_over_evenly() -> None:
    """One setting lies in each of as many equal parts of the range as there are settings."""
    low, high = 1e-4, 1e-1
    given = f"optimizer.sgd.lr={{low: {low}, high: {high}, scale: log}}"
    made = rivals("optimizer=sgd", given, "budget.trials=20", "schedule=constant")
    rates = np.sort([m.settings["lr"] for m in made.members])
    shares = np.log(rates / low) / np.log(high / low)
    assert (shares * 20).astype(int).tolist() == list(range(20))


def test_a_path_is_the_iterates_of_the_optimizer() -> None:
    bowl = ("model=quadratic", "model.quadratic.dimension=2", "schedule=constant", "dtype=float64")
    (path,) = paths(*bowl, "optimizer=sgd", "optimizer.sgd.lr=0.1", "budget.epochs=3")
    np.testing.assert_allclose(path.points, [[10, 10], [8, 8], [6.4, 6.4], [5.12, 5.12]])
    assert path.value == pytest.approx(2 * 5.12**2)
    assert path.left == 0


def test_a_path_over_a_function_of_one_number_lies_on_its_curve() -> None:
    (path,) = paths("model=quadratic", "optimizer=sgd", "optimizer.sgd.lr=0.9", "schedule=constant")
    x, values = path.points.T
    np.testing.assert_allclose(x, 10 * (1 - 2 * 0.9) ** np.arange(len(x)), rtol=1e-5)
    np.testing.assert_allclose(values, x**2, rtol=1e-5)
    surface = descent.surface_of(functions.create("quadratic", {}))
    assert surface.is_curve
    np.testing.assert_allclose(surface.heights, surface.x**2)
    np.testing.assert_array_equal([surface.start, surface.minima[0]], [[10, 100], [0, 0]])
    assert surface.leaves_at(path.points) == 0


def test_a_path_that_climbs_a_curve_leaves_the_picture() -> None:
    wild = ("model=quadratic", "optimizer=sgd", "optimizer.sgd.lr=1.1", "schedule=constant")
    surface = descent.surface_of(functions.create("quadratic", {}))
    (path,) = paths(*wild)
    assert surface.leaves_at(path.points) == 4
    assert not path.left


def test_a_path_does_not_depend_on_who_else_descends() -> None:
    shared = ("model=himmelblau", "budget.epochs=4")
    alone = paths(*shared, "optimizer=adam")
    among = paths(*shared, "optimizer=[sgd,adam]")[-len(alone) :]
    for one, other in zip(alone, among, strict=True):
        assert one.member.settings == other.member.settings
        np.testing.assert_array_equal(one.points, other.points)


def test_a_path_that_diverges_ends_at_its_last_finite_point() -> None:
    settings = ("optimizer=sgd", "optimizer.sgd.lr=1", "schedule=constant", "budget.epochs=20")
    (path,) = paths("model=goldstein_price", *settings)
    assert 0 < path.left < 20
    assert len(path.points) == path.left
    assert np.isfinite(path.points).all()
    assert np.isfinite(path.value)


def test_paths_that_diverged_rank_behind_all_others() -> None:
    (member,) = rivals("optimizer=sgd", "optimizer.sgd.lr=1").members
    ends = {"soon": (0.0, 2), "later": (0.0, 9), "high": (1e9, 0), "low": (1.0, 0)}
    made = {k: descent.Path(member, np.zeros((1, 2)), *end) for k, end in ends.items()}
    ranked = sorted(made, key=lambda k: made[k].rank())
    assert ranked == ["low", "high", "later", "soon"]


def test_a_start_outside_the_window_is_in_the_picture() -> None:
    made = functions.create("rosenbrock", {"start": [30.0, -7.0]})
    surface = descent.surface_of(made)
    assert surface.leaves_at(made.origin[None]) == 0
    assert surface.x[-1] > 30
    assert surface.y[0] < -7
    assert surface.heights.min() >= 0
