"""Promises of the penalties: ridge, lasso and elastic net, with zeros that are exactly zero."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge

from tests.training.conftest import (
    assert_identical,
    everything,
    member,
    mixed_members,
    supervised,
    train,
    trained,
)
from tuner.training import losses, optimizers
from tuner.training.models import MLP
from tuner.training.population import create
from tuner.training.problems import Fold, Part, Supervised

SAMPLES, FEATURES = 80, 12
AVERAGES = [name for name in optimizers.names() if optimizers.load(name).averages]
# What lets an optimizer arrive within the steps of a test.
QUICKER = {"adadelta": {"eps": 1e-3}, "ademamix": {"beta3": 0.95}, "lars": {"trust": 0.03}}
# Optimizers whose rate multiplies what they find, or one that is scaled to the norms of tensors.
FREE = {
    *("adadelta", "adagrad", "cocob", "dadapt_adam", "dowg", "lars", "momo", "prodigy", "sps"),
}


def sparse_truth() -> tuple[np.ndarray, np.ndarray]:
    """X and y (samples, 1), of which four of twelve features tell something."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(SAMPLES, FEATURES))
    coefficients = np.array([2.0, -1.5, 0.7, 0.3] + [0.0] * (FEATURES - 4))
    y = X @ coefficients + 0.7 + 0.3 * rng.normal(size=SAMPLES)
    return X, y[:, None]


def regression() -> Supervised:
    """All samples in one batch."""
    part = Part(*sparse_truth())
    model = MLP(FEATURES, 1, activation="tanh")
    return Supervised(model, losses.load("squared_error"), (Fold(part, part),), SAMPLES)


def solved(problem: Supervised, epochs: int = 1500, **penalties: float) -> np.ndarray:
    """The parameters (size,) that gradient descent ends at."""
    members = [member("sgd", lr=0.2, model_settings=penalties)]
    population = create(problem, members)
    train(problem, population, range(1, epochs + 1), total=epochs)
    return population.theta[0]


@pytest.mark.parametrize(
    ("penalties", "theirs"),
    [
        # scikit-learn's losses: |error|^2 / 2n for the lasso, the whole |error|^2 for ridge.
        ({"l1": 0.2}, Lasso(alpha=0.2, tol=1e-12, max_iter=100_000)),
        ({"l2": 0.3}, Ridge(alpha=0.3 * SAMPLES, tol=1e-12)),
        (
            {"l1": 0.15, "l2": 0.35},
            ElasticNet(alpha=0.5, l1_ratio=0.3, tol=1e-12, max_iter=100_000),
        ),
    ],
    ids=["lasso", "ridge", "elastic net"],
)
@pytest.mark.slow
def test_gradient_descent_ends_where_scikit_learn_does(penalties: dict[str, float], theirs: Any):
    X, y = sparse_truth()
    theirs.fit(X, y[:, 0])
    theta = solved(regression(), **penalties)
    np.testing.assert_allclose(theta[:-1], theirs.coef_, rtol=1e-6, atol=1e-9)
    assert theta[-1] == pytest.approx(theirs.intercept_)
    np.testing.assert_array_equal(theta[:-1] == 0, theirs.coef_ == 0)
    assert (theta == 0).any() == ("l1" in penalties)


def test_a_penalised_logistic_regression_ends_where_scikit_learn_does():
    X, y = sparse_truth()
    labels = (y[:, 0] > 0.5).astype(int)
    part = Part(X, labels)
    model = MLP(FEATURES, 1, activation="logistic")
    problem = Supervised(model, losses.load("logistic"), (Fold(part, None),), SAMPLES)
    theirs = LogisticRegression(C=1 / (0.1 * SAMPLES), tol=1e-10, max_iter=10_000).fit(X, labels)
    theta = solved(problem, epochs=800, l2=0.1)
    np.testing.assert_allclose(theta[:-1], theirs.coef_[0], rtol=1e-5, atol=1e-7)
    assert theta[-1] == pytest.approx(theirs.intercept_[0], rel=1e-4)


def test_a_penalty_that_is_too_strong_leaves_the_mean_alone():
    theta = solved(regression(), epochs=300, l1=10.0)
    assert not theta[:-1].any()
    assert theta[-1] == pytest.approx(sparse_truth()[1].mean())


@pytest.mark.parametrize("shape", [{}, {"layer_norm": True}])
def test_penalties_are_on_weights_alone(shape: dict[str, Any]):
    """Biases and gains of a step with penalties are those of a step without."""
    problem = supervised("regression", (5,), "tanh", batch_size=60, **shape)
    members = [
        member("sgd", trial=i, lr=0.1, model_settings=own)
        for i, own in enumerate(({}, {"l1": 0.3, "l2": 0.2}))
    ]
    population, _ = trained(problem, members, epochs=1)
    plain, penalised = population.theta
    changed = plain != penalised
    for (start, stop, *_), part in zip(problem.tensors, problem.model.parts, strict=True):
        assert changed[start:stop].all() if part.weights else not changed[start:stop].any()


@pytest.mark.parametrize("name", sorted(set(optimizers.names()) - set(AVERAGES)))
def test_every_optimizer_finds_the_zeros_of_the_lasso(name: str):
    """Its own steps, however it scales them, take the penalty along."""
    X, y = sparse_truth()
    lasso = Lasso(alpha=0.2, tol=1e-12, max_iter=100_000).fit(X, y[:, 0])
    problem, epochs = regression(), 400
    settings = {"lr": 1.0 if name in FREE else 0.1, **QUICKER.get(name, {})}
    row = member(name, schedule="cosine", model_settings={"l1": 0.2}, **settings)
    population = create(problem, [row])
    train(problem, population, range(1, epochs + 1), total=epochs)
    found = population.theta[0][:-1]
    np.testing.assert_array_equal(found == 0, lasso.coef_ == 0)
    np.testing.assert_allclose(found, lasso.coef_, atol=0.05)


@pytest.mark.parametrize("batch_size", [4, 20])
@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "rmsprop"])
def test_batches_leave_zeros_as_well(name: str, batch_size: int):
    problem = replace(regression(), batch_size=batch_size)
    rate = 0.1 if name == "sgd" else 0.01
    row = member(name, lr=rate, schedule="linear", model_settings={"l1": 0.4})
    population = create(problem, [row])
    train(problem, population, range(1, 61), total=60)
    assert (population.theta[0][4:-1] == 0).mean() >= 0.5
    assert population.theta[0][:2].all()


def test_a_step_is_one_of_gradient_descent_that_stops_at_zero():
    problem = supervised("regression", (5,), "tanh", batch_size=60)
    l1, l2, lr = 0.3, 0.2, 0.1
    start = problem.initial(0)
    own = [{}, {"l1": l1, "l2": l2}]
    members = [member("sgd", trial=i, lr=lr, model_settings=m) for i, m in enumerate(own)]
    plain, both = trained(problem, members, epochs=1)[0].theta
    stopped: list[bool] = []
    for start_at, stop in problem.penalised:
        W = start[start_at:stop]
        moved = plain[start_at:stop] - lr * (l2 * W + l1 * np.sign(W))
        expected = np.where(moved * W > 0, moved, 0)
        stopped += list(expected == 0)
        np.testing.assert_allclose(both[start_at:stop], expected, rtol=1e-12, atol=1e-15)
    assert 0 < sum(stopped) < len(stopped)


def test_the_penalty_follows_the_schedule():
    problem = supervised("regression", batch_size=60)
    rates = {"schedule": "linear", "schedule_settings": {"final": 0.0}}
    settings = {"lr": 1e-5, "model_settings": {"l1": 1e5}, **rates}
    population = create(problem, [member("sgd", **settings)])
    population.theta[:] = 10.0
    before = population.theta.copy()
    epochs = train(problem, population, (1, 2, 3), total=6)
    used = sum(epoch.metrics["learning_rate"][0] for epoch in epochs)
    weights = slice(*problem.penalised[0])
    fell = (before - population.theta)[0, weights]
    np.testing.assert_allclose(fell, 1e5 * used, rtol=1e-3)  # the gradient is small beside it


def test_reported_losses_are_without_penalties():
    problem = supervised("regression", (5,), "tanh", batch_size=60)
    own = [{}, {"l1": 5.0, "l2": 5.0}]
    members = [member("sgd", trial=i, lr=0.1, model_settings=m) for i, m in enumerate(own)]
    _, (epoch,) = trained(problem, members, epochs=1)
    # The loss of a single batch is that before its step.
    assert epoch.metrics["train_loss"][0] == epoch.metrics["train_loss"][1]
    assert epoch.metrics["gradient_norm"][0] < epoch.metrics["gradient_norm"][1]


def test_penalised_rows_never_meet():
    problem = supervised("regression", (6,), "tanh")
    penalties = ({}, {"l1": 1e-3}, {"l2": 1e-2}, {"l1": 1e-2, "l2": 1e-3})
    members = [
        member(
            m.optimizer,
            trial=m.trial,
            schedule=m.schedule,
            model_settings=penalties[m.trial % 4],
            **m.settings,
        )
        for m in mixed_members(32)
    ]
    together = everything(*trained(problem, members, threads=2))
    for trial in (0, 5, 10, 31):
        assert_identical(everything(*trained(problem, [members[trial]]))[trial], together[trial])


def test_what_is_not_a_number_is_not_shrunk_to_nought():
    problem = supervised("regression")
    population = create(problem, [member("sgd", lr=1e300, model_settings={"l1": 1.0})])
    population.theta[:] = 1e200
    train(problem, population, (1,))
    assert population.left_at[0] > 0
