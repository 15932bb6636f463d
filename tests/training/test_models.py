"""Promises of the models: gradients are right, and equal to scikit-learn's."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tests.training.conftest import PAIRS, supervised
from tuner.training.losses import LOSSES
from tuner.training.models import MLP
from tuner.training.problems import Supervised

# A batch may not be longer than the problem's, so that any part can be one.
whole = partial(supervised, batch_size=60)
DEPTHS = [(), (5,), (3, 6), (6, 2, 4)]


def losses_and_gradients(
    problem: Supervised, theta: np.ndarray, batch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean losses (rows,) and their gradients (rows, size) over a batch."""
    gradient = np.full_like(theta, np.nan)
    objective = problem.attach(theta, gradient, np.zeros(len(theta)))
    objective.differentiate(batch)
    return objective.losses.copy(), gradient


def somewhere(problem: Supervised, rows: int = 2) -> np.ndarray:
    """Parameters (rows, size) away from any symmetry."""
    return np.random.default_rng(7).normal(scale=0.7, size=(rows, problem.size))


@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize(("activation", "task"), PAIRS)
def test_the_gradient_is_the_slope_along_random_directions(
    activation: str, task: str, hidden: tuple[int, ...]
):
    problem = whole(task, hidden, activation)
    theta, batch = somewhere(problem), np.arange(3, 20)
    gradient = losses_and_gradients(problem, theta, batch)[1]
    for seed in range(3):
        direction = np.random.default_rng(seed).normal(size=theta.shape)
        step = 1e-6
        up = losses_and_gradients(problem, theta + step * direction, batch)[0]
        down = losses_and_gradients(problem, theta - step * direction, batch)[0]
        slope = (up - down) / (2 * step)
        np.testing.assert_allclose((gradient * direction).sum(axis=1), slope, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize(("activation", "task"), PAIRS)
def test_the_gradient_in_float32_is_that_in_float64_but_for_rounding(
    activation: str, task: str, hidden: tuple[int, ...]
):
    exact = whole(task, hidden, activation)
    rounded = whole(task, hidden, activation, np.float32)
    theta, batch = somewhere(exact), np.arange(16)
    expected = losses_and_gradients(exact, theta, batch)
    found = losses_and_gradients(rounded, theta.astype(np.float32), batch)
    for e, f in zip(expected, found, strict=True):
        np.testing.assert_allclose(f, e, rtol=2e-4, atol=2e-5)


def layers(problem: Supervised, theta: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights and biases of theta (size,), as the layout of parameters is documented."""
    widths = [problem.model.inputs, *problem.model.hidden, problem.model.outputs]
    weights, biases, at = [], [], 0
    for i, o in pairwise(widths):
        weights.append(theta[at : at + i * o].reshape(i, o))
        biases.append(theta[at + i * o : at + i * o + o])
        at += i * o + o
    assert at == problem.size
    return weights, biases


@pytest.mark.parametrize("hidden", [(5,), (6, 2, 4)])
@pytest.mark.parametrize(("activation", "task"), PAIRS)
def test_a_step_of_sgd_is_that_of_scikit_learn(activation: str, task: str, hidden: tuple[int, ...]):
    """Also the form of the loss and of its mean is scikit-learn's then."""
    problem, batch = whole(task, hidden, activation), np.arange(60)
    theta = somewhere(problem, rows=1)
    gradient = losses_and_gradients(problem, theta, batch)[1]
    kind = MLPRegressor if task == "regression" else MLPClassifier
    theirs = kind(
        hidden_layer_sizes=hidden, activation=activation, solver="sgd", alpha=0.0, batch_size=60,
        momentum=0.0, nesterovs_momentum=False, learning_rate_init=0.1, shuffle=False,
        random_state=0,
    )  # fmt: skip
    classes = {} if task == "regression" else {"classes": np.unique(problem.y_train)}
    theirs.partial_fit(problem.X_train, problem.y_train, **classes)
    for own, wanted in zip(
        (theirs.coefs_, theirs.intercepts_), layers(problem, theta[0]), strict=True
    ):
        for array, values in zip(own, wanted, strict=True):
            array[...] = values
    theirs.partial_fit(problem.X_train, problem.y_train)
    weights, biases = layers(problem, (theta - 0.1 * gradient)[0])
    for mine, scikit in zip(
        (*weights, *biases), (*theirs.coefs_, *theirs.intercepts_), strict=True
    ):
        np.testing.assert_allclose(mine, scikit, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("activation", "task"), PAIRS)
def test_scores_are_what_a_network_written_out_computes(activation: str, task: str):
    problem = whole(task, (6, 2), activation)
    theta, X = somewhere(problem, rows=1)[0], problem.X_train
    function = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "logistic": expit}[activation]
    *hidden, last = zip(*layers(problem, theta), strict=True)
    a = X
    for W, b in hidden:
        a = function(a @ W + b)
    expected = a @ last[0] + last[1]
    np.testing.assert_allclose(problem.model.scores(theta, X), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 600])
def test_a_part_of_any_length_is_evaluated_whole(samples: int):
    problem = supervised(samples=samples, batch_size=samples)
    theta = somewhere(problem)
    together = losses_and_gradients(problem, theta, np.arange(samples))[0]
    objective = problem.attach(theta, np.empty_like(theta), np.zeros(2))
    np.testing.assert_allclose(objective.training_loss(theta), together, rtol=1e-12)


def test_what_a_row_that_left_holds_is_not_touched():
    problem = supervised()
    theta, gradient = somewhere(problem), np.full((2, problem.size), 7.0)
    objective = problem.attach(theta, gradient, np.array([3.0, 0.0]))
    objective.differentiate(np.arange(5))
    assert (gradient[0] == 7.0).all()
    assert (gradient[1] != 7.0).all()


@pytest.mark.parametrize("hidden", [(40,), (40, 30)])
def test_weights_start_within_glorots_bounds_and_biases_at_zero(hidden: tuple[int, ...]):
    for activation, gain in (("relu", 6.0), ("tanh", 6.0), ("logistic", 2.0)):
        problem = supervised(hidden=hidden, activation=activation, features=50)
        weights, biases = layers(problem, problem.initial(0))
        for W, b in zip(weights, biases, strict=True):
            bound = np.sqrt(gain / sum(W.shape))
            assert 0.9 * bound < np.abs(W).max() <= bound
            assert not b.any()


def test_a_linear_model_starts_at_zero():
    assert not supervised(hidden=()).initial(0).any()


def test_a_model_has_as_many_parameters_as_weights_and_biases():
    assert MLP(64, 10, (32,)).size == 64 * 32 + 32 + 32 * 10 + 10


def test_softmax_of_equal_scores_costs_the_logarithm_of_the_number_of_classes():
    problem = whole("multiclass")
    theta = np.zeros((1, problem.size))
    loss = losses_and_gradients(problem, theta, np.arange(60))[0]
    assert loss == pytest.approx(np.log(4), rel=1e-12)
    assert set(LOSSES) >= {"multiclass"}
