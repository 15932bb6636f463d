"""Promises of the classic functions: gradients, minima, starts, and rows that never meet."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from tests.training.conftest import everything, member, trained
from tuner.training import functions
from tuner.training.analytic import Analytic

# Each function as it is; the quadratic as a long bowl, too.
FUNCTIONS = {name: functions.create(name, {}) for name in functions.names()}
FUNCTIONS["long bowl"] = functions.create("quadratic", {"dimension": 5, "condition_number": 100.0})

every_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


def points(function: functions.Function, count: int = 40) -> np.ndarray:
    """Points (count, size) all over the window."""
    low, high = np.array(function.window).T
    draws = np.random.default_rng(3).uniform(size=(count, function.size))
    return low[0] + draws * (high[0] - low[0])


@every_function
def test_the_gradient_is_that_of_the_value(function: functions.Function) -> None:
    at, step = points(function), 1e-5
    _, gradient = function(at)
    for axis in range(function.size):
        aside = step * np.eye(function.size)[axis]
        slopes = (function(at + aside)[0] - function(at - aside)[0]) / (2 * step)
        scale = 1 + np.abs(gradient).max()
        np.testing.assert_allclose(gradient[:, axis], slopes, atol=1e-7 * scale)


@every_function
def test_the_minima_are_the_lowest_points_and_flat(function: functions.Function) -> None:
    values, gradients = function(np.array(function.minima))
    np.testing.assert_allclose(values, function.lowest, atol=1e-9)
    np.testing.assert_allclose(gradients, 0, atol=1e-7)
    assert (function(points(function, 2000))[0] > function.lowest).all()


@every_function
def test_the_descent_starts_inside_the_window_and_above_the_minimum(
    function: functions.Function,
) -> None:
    low, high = np.array(function.window).T
    assert function.origin.shape == (function.size,)
    assert (low[0] < function.origin).all()
    assert (function.origin < high[0]).all()
    (value,), gradient = function(function.origin[None])
    assert value > function.lowest + 0.1
    assert np.abs(gradient).max() > 0.1


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n != "long bowl"])
def test_every_minimum_is_found_by_another_library(name: str) -> None:
    """SciPy's BFGS, started near each, ends there, with the value that the literature gives."""
    function = FUNCTIONS[name]
    for minimum in function.minima:
        found = minimize(
            lambda x: tuple(part[0] for part in function(x[None])),
            np.array(minimum) + 0.02,
            jac=True,
            tol=1e-10,
        )
        np.testing.assert_allclose(found.x, minimum, atol=1e-6)


# Values by the source's own numbers: local minima, starting values, hilltops.
KNOWN = {
    "rosenbrock": {(-1.2, 1.0): 24.2},
    "beale": {(1.0, 1.0): 14.203125, (0.0, 0.0): 14.203125},
    "himmelblau": {(0.0, 0.0): 170.0, (-0.270845, -0.923039): 181.617},
    "rastrigin": {(1.0, 0.0): 1.0, (0.5, 0.5): 40.5},
    "goldstein_price": {(-0.6, -0.4): 30.0, (1.8, 0.2): 84.0, (1.2, 0.8): 840.0, (0, 0): 600.0},
    "quadratic": {(10.0,): 100.0, (-8.0,): 64.0},
}


@pytest.mark.parametrize("name", functions.names())
def test_values_are_those_of_the_literature(name: str) -> None:
    for point, value in KNOWN[name].items():
        assert FUNCTIONS[name](np.array([point]))[0][0] == pytest.approx(value, rel=1e-5)


def test_rosenbrocks_function_is_scipys() -> None:
    at = points(FUNCTIONS["rosenbrock"])
    value, gradient = FUNCTIONS["rosenbrock"](at)
    np.testing.assert_allclose(value, rosen(at.T), rtol=1e-12)
    np.testing.assert_allclose(gradient, [rosen_der(x) for x in at], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("dimension", [2, 3, 17])
@pytest.mark.parametrize("condition", [1.0, 25.0, 1e6])
def test_a_quadratic_has_the_condition_number_asked_for(dimension: int, condition: float) -> None:
    asked = {"dimension": dimension, "condition_number": condition}
    curvatures = np.diag(functions.create("quadratic", asked)(np.eye(dimension))[1])
    assert curvatures.max() / curvatures.min() == pytest.approx(condition)
    assert curvatures[-1] == curvatures.max() == 2
    ratios = curvatures[1:] / curvatures[:-1]
    np.testing.assert_allclose(ratios, ratios[0])


def test_a_quadratic_is_stable_below_the_rate_of_one_whatever_its_shape() -> None:
    asked = {"dimension": 3, "condition_number": 50.0}
    problem = Analytic(functions.create("quadratic", asked))
    members = [member("sgd", trial=i, lr=lr) for i, lr in enumerate((0.99, 1.01))]
    population, epochs = trained(problem, members, epochs=60)
    below, above = epochs[-1].metrics["validation_loss"]
    (start,), _ = problem.function(problem.function.origin[None])
    assert below < start < above
    np.testing.assert_allclose(population.theta[:, -1], [10 * (-0.98) ** 60, 10 * (-1.02) ** 60])


def test_x_squared_is_the_textbooks_bit_by_bit() -> None:
    _, epochs = trained(Analytic(), [member("sgd", lr=0.25)], epochs=4)
    assert [epoch.metrics["x"][0] for epoch in epochs] == [5.0, 2.5, 1.25, 0.625]
    assert [epoch.metrics["validation_loss"][0] for epoch in epochs] == [
        25.0, 6.25, 1.5625, 0.390625,
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_function
def test_a_row_alone_is_the_row_among_others(function: functions.Function, dtype: Any) -> None:
    """Diverging neighbours, of rates up to 1e6, included."""
    members = [member("sgd", trial=i, lr=10.0 ** (i % 13 - 6)) for i in range(31)]
    problem = Analytic(function, np.dtype(dtype))
    together = everything(*trained(problem, members, epochs=8, threads=2))
    for trial in (0, 3, 5, 17, 30):
        alone = everything(*trained(problem, [members[trial]], epochs=8))[trial]
        np.testing.assert_array_equal(alone["theta"], together[trial]["theta"])
        for curves, others in zip(alone["curves"], together[trial]["curves"], strict=True):
            assert curves.keys() == others.keys()
            # Rows that have left may be nan here and there.
            np.testing.assert_array_equal(list(curves.values()), list(others.values()))


@every_function
def test_coordinates_are_metrics_of_one_or_two(function: functions.Function) -> None:
    population, (epoch,) = trained(Analytic(function), [member("sgd", lr=1e-3)], epochs=1)
    names = [name for name in ("x", "y") if name in epoch.metrics]
    assert names == ["x", "y"][: function.size if function.size <= 2 else 0]
    for name, value in zip(names, population.theta[0], strict=False):
        assert epoch.metrics[name][0] == value


def test_a_start_is_a_number_for_all_axes_or_one_for_each() -> None:
    assert functions.create("beale", {"start": 2.0}).origin.tolist() == [2, 2]
    assert functions.create("beale", {"start": [2, 1]}).origin.tolist() == [2, 1]
    assert functions.create("beale", {"start.0": 2.0, "start.1": 1.0}).origin.tolist() == [2, 1]
    with pytest.raises(
        ValueError, match=r"^start: 3 numbers: must be one number for all axes, or 2"
    ):
        functions.create("beale", {"start": [1.0, 2.0, 3.0]})


def test_one_dimension_has_no_condition_number() -> None:
    with pytest.raises(ValueError, match=r"^condition_number: 10: .*dimension=2"):
        functions.create("quadratic", {"condition_number": 10.0})


@pytest.mark.parametrize("name", functions.names())
def test_every_setting_has_a_domain_that_holds_its_default(name: str) -> None:
    for key, domain in functions.settings(name).items():
        for number in np.ravel(getattr(FUNCTIONS[name], key)):
            assert number in domain
