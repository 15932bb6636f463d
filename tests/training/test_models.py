"""Promises of the models: gradients are right, and equal to scikit-learn's."""

from functools import partial
from importlib import import_module
from inspect import getmembers, isabstract, isclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit
from scipy.stats import norm
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tests.training.conftest import PAIRS, ROUNDED_PAIRS, interpreted, member, supervised
from tuner.training import activations, losses
from tuner.training.factorization_machine import FactorizationMachine
from tuner.training.kernels.model_passes import build_passes
from tuner.training.models import MLP, Model, kind_of
from tuner.training.population import create
from tuner.training.problems import Supervised

FOLDER = Path(activations.__file__).parent

# Each activation by another formula.
WRITTEN_OUT = {
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
    "tanh": np.tanh,
    "logistic": expit,
    "gelu": lambda z: z * norm.cdf(z),
    "silu": lambda z: z / (1 + np.exp(-z)),
}

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


def uncompiled(problem: Supervised, theta: np.ndarray, gradient: np.ndarray) -> Any:
    """The objective of all rows, run by Python itself."""
    objective = problem.attach(theta, gradient, np.zeros(len(theta)))
    kind = kind_of(problem.fold.train.X)
    step, objective.evaluation = build_passes(problem.model, problem.loss, kind, build=interpreted)
    objective.compiled = step, objective.compiled[1]
    return objective


# Every loss with each of its tasks, and every model: its class and its shape.
LOSSES = [(loss, task) for loss in losses.names() for task in losses.load(loss).tasks]
MODELS = [
    *((MLP, {"hidden": hidden}) for hidden in ((), (5,))),
    *((MLP, {"hidden": (6, 4), "activation": name}) for name in activations.names()),
    *(
        (MLP, {"hidden": (6, 5), "activation": name, "layer_norm": True})
        for name in ("tanh", "gelu")
    ),
    *((FactorizationMachine, {"factors": factors}) for factors in (1, 3)),
]


def test_every_model_is_among_those_tested():
    modules = [import_module(f"tuner.training.{path.stem}") for path in FOLDER.glob("*.py")]
    found = {
        thing
        for module in modules
        for _, thing in getmembers(module, isclass)
        if issubclass(thing, Model) and not isabstract(thing)
    }
    assert found == {kind for kind, _ in MODELS}


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(("loss", "task"), LOSSES)
@pytest.mark.parametrize(("kind", "shape"), MODELS, ids=str)
def test_the_gradient_is_the_slope_along_random_directions(
    kind: Any, shape: dict[str, Any], loss: str, task: str, sparse: bool
):
    """Of every model with every loss, weighted samples, and the loss's own number not usual."""
    problem = whole(task, loss=loss, model=kind, sparse=sparse, weighted=True, **shape)
    own = dict.fromkeys(problem.loss.own, 0.3)
    population = create(problem, [member(trial=i, model_settings=own) for i in range(2)])
    problem = problem.for_rows(population)
    theta, batch = 0.5 * somewhere(problem), np.arange(3, 20)
    gradient = np.full_like(theta, np.nan)
    objective = uncompiled(problem, theta.copy(), gradient)
    objective.differentiate(batch)
    step = 1e-6
    for seed in range(2):
        direction = np.random.default_rng(seed).normal(size=theta.shape)
        ends = []
        for sign in (1, -1):
            there = uncompiled(problem, theta + sign * step * direction, np.empty_like(theta))
            there.differentiate(batch)
            ends.append(there.losses)
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose((gradient * direction).sum(axis=1), slope, rtol=1e-5, atol=1e-7)


NORMED = {"hidden": (6, 4), "activation": "tanh", "layer_norm": True}
COMPILED = [
    pytest.param(MLP, NORMED, False, id="layer norm"),
    pytest.param(MLP, NORMED, True, id="layer norm, sparse", marks=pytest.mark.slow),
    pytest.param(FactorizationMachine, {"factors": 3}, False, id="machine"),
    pytest.param(FactorizationMachine, {"factors": 3}, True, id="machine, sparse"),
]


@pytest.mark.parametrize(("kind", "shape", "sparse"), COMPILED, ids=str)
def test_compiled_models_do_what_python_does(kind: Any, shape: dict[str, Any], sparse: bool):
    problem = whole("regression", model=kind, sparse=sparse, weighted=True, **shape)
    theta = somewhere(problem)
    assert_compiled_as_interpreted(problem, theta)


@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize(("activation", "task"), PAIRS)
def test_compiled_networks_do_what_python_does(activation: str, task: str, hidden: tuple[int, ...]):
    problem = whole(task, hidden, activation)
    assert_compiled_as_interpreted(problem, somewhere(problem))


def assert_compiled_as_interpreted(problem: Supervised, theta: np.ndarray) -> None:
    found = []
    for bind in (uncompiled, lambda p, *a: p.attach(*a, np.zeros(len(theta)))):
        gradient = np.full_like(theta, np.nan)
        objective = bind(problem, theta, gradient)
        objective.differentiate(np.arange(3, 20))
        found.append([gradient, objective.losses, *objective.evaluate(theta).values()])
    for slow, fast in zip(*found, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize(("activation", "task"), ROUNDED_PAIRS)
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
@pytest.mark.parametrize(
    ("activation", "task"), [p for p in PAIRS if p.values[0] in ("relu", "tanh", "logistic")]
)
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
    X, y, _ = problem.fold.train
    labels = np.arange(y.shape[1]) if task == "multilabel" else np.unique(y)
    classes = {} if task == "regression" else {"classes": labels}
    theirs.partial_fit(X, y, **classes)
    for own, wanted in zip(
        (theirs.coefs_, theirs.intercepts_), layers(problem, theta[0]), strict=True
    ):
        for array, values in zip(own, wanted, strict=True):
            array[...] = values
    theirs.partial_fit(X, y)
    weights, biases = layers(problem, (theta - 0.1 * gradient)[0])
    for mine, scikit in zip(
        (*weights, *biases), (*theirs.coefs_, *theirs.intercepts_), strict=True
    ):
        np.testing.assert_allclose(mine, scikit, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("activation", "task"), PAIRS)
def test_scores_are_what_a_network_written_out_computes(activation: str, task: str):
    problem = whole(task, (6, 2), activation)
    theta, X = somewhere(problem, rows=1)[0], problem.fold.train.X
    function = WRITTEN_OUT[activation]
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


def test_layer_normalisation_is_what_its_formula_says():
    problem = whole("regression", (6, 5), "tanh", layer_norm=True)
    theta, X = somewhere(problem, rows=1)[0], problem.fold.train.X
    pieces = [theta[start:stop].reshape(i, o) for start, stop, i, o, _ in problem.tensors]
    a = X
    for W, gain, b in (pieces[:3], pieces[3:6]):
        z = a @ W
        normal = (z - z.mean(axis=1, keepdims=True)) / np.sqrt(z.var(axis=1, keepdims=True) + 1e-5)
        a = np.tanh(gain * normal + b)
    expected = a @ pieces[6] + pieces[7]
    np.testing.assert_allclose(problem.model.scores(theta, X), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_factorization_machine_is_the_sum_over_all_pairs(sparse: bool):
    problem = whole("regression", model=FactorizationMachine, sparse=sparse, factors=3)
    theta = somewhere(problem, rows=1)[0]
    W, V, b = (theta[start:stop].reshape(i, o) for start, stop, i, o, _ in problem.tensors)
    V = V.reshape(7, 3, 3)  # features, outputs, factors
    X = problem.fold.train.X
    dense = densified(X) if sparse else X
    expected = dense @ W + b
    for i in range(7):
        for j in range(i + 1, 7):
            expected += dense[:, [i]] * dense[:, [j]] * (V[i] * V[j]).sum(axis=1)
    np.testing.assert_allclose(problem.model.scores(theta, X), expected, rtol=1e-10, atol=1e-12)


def densified(X: Any) -> np.ndarray:
    return csr_array((X.values, X.columns, X.starts), (len(X.starts) - 1, X.features)).toarray()


def test_initialisation_by_he_has_the_variance_that_keeps_rectified_signals():
    problem = supervised(hidden=(400,), activation="relu", features=300, initialization="he")
    W = layers(problem, problem.initial(0))[0][0]
    assert W.var() == pytest.approx(2 / 300, rel=0.02)
    assert np.abs(W).max() <= np.sqrt(6 / 300)


def test_a_machine_starts_at_factors_that_have_a_slope():
    problem = supervised("regression", model=FactorizationMachine, factors=40)
    W, V, b = (problem.initial(0)[start:stop] for start, stop, *_ in problem.tensors)
    assert not W.any()
    assert not b.any()
    assert V.std() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("kind", [MLP, FactorizationMachine])
def test_tensors_cover_all_parameters_and_penalties_the_weights(kind: Any):
    shape = {"hidden": (5, 4), "layer_norm": True} if kind is MLP else {"factors": 2}
    model = supervised("regression", model=kind, **shape).model
    stops = [0, *model.tensors[:, 1]]
    np.testing.assert_array_equal(model.tensors[:, 0], stops[:-1])
    assert stops[-1] == model.size == len(model.initial(np.random.default_rng(0)))
    weights = [t[:2] for t in model.tensors if t[2] > 1]
    np.testing.assert_array_equal(model.penalised, weights)


def test_the_weights_of_one_feature_are_penalised_too():
    np.testing.assert_array_equal(MLP(1, 3).penalised, [[0, 3]])
