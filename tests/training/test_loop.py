"""Promises of the training loop: divergence, interruption, clipping and what an epoch reports."""

import time
from collections.abc import Mapping
from dataclasses import replace
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss, r2_score

from tests.training.conftest import (
    ROUNDED_RULES,
    TYPED_RULES,
    Bowl,
    assert_identical,
    by_rule,
    everything,
    member,
    mixed_members,
    supervised,
    train,
    trained,
)
from tuner.training import losses, optimizers
from tuner.training.analytic import Analytic
from tuner.training.loop import Interrupted, Trainer
from tuner.training.models import MLP
from tuner.training.population import create
from tuner.training.problems import Fold, Part, Supervised

NAMES = optimizers.names()
DTYPES = [np.float32, np.float64]


class Poisoned(Bowl):
    """A bowl whose first row is given another loss or slope at one step."""

    step: int
    loss: float | None
    slope: float | None

    def attach(self, theta: np.ndarray, gradient: np.ndarray, left_at: np.ndarray) -> Any:
        objective, steps = super().attach(theta, gradient, left_at), iter(range(1, 10**6))
        gentle = objective.differentiate

        def differentiate(batch: np.ndarray) -> None:
            gentle(batch)
            if next(steps) == self.step:
                if self.loss is not None:
                    objective.losses[0] = self.loss
                if self.slope is not None:
                    gradient[0, -1] = self.slope

        objective.differentiate = differentiate
        return objective


def poisoned(dtype: type, step: int, **poison: float | None) -> Poisoned:
    problem = Poisoned((1.0,) * 19, steps=10, dtype=np.dtype(dtype))
    for key, value in ({"loss": None, "slope": None, "step": step} | poison).items():
        object.__setattr__(problem, key, value)
    return problem


@pytest.mark.parametrize(
    ("name", "step", "loss", "dtype"),
    by_rule([1, 4, 10], [np.nan, np.inf, -np.inf]),
)
def test_a_row_is_frozen_at_the_step_whose_loss_is_not_finite(
    name: str, step: int, loss: float, dtype: type
):
    members = [member(name, trial=i, lr=0.01) for i in range(3)]
    population, epochs = trained(poisoned(dtype, step, loss=loss), members, epochs=1)
    shorter = Bowl((1.0,) * 19, steps=step - 1, dtype=np.dtype(dtype))
    before = create(shorter, members[:1])
    if step > 1:
        with Trainer(shorter, 1) as trainer:
            trainer.total_steps = 60  # as long a training as that of the others
            trainer.epoch(before, 1)
    np.testing.assert_array_equal(population.theta[0], before.theta[0])
    for frozen, slot in zip(population.slots[name], before.slots[name], strict=True):
        np.testing.assert_array_equal(frozen[0], slot[0])
    assert list(population.left_at) == [step, 0, 0]
    assert list(epochs[0].left) == [True, False, False]


@pytest.mark.parametrize(("name", "slope", "dtype"), by_rule([np.nan, np.inf, -np.inf]))
def test_a_row_leaves_at_the_step_whose_parameters_are_not_finite(
    name: str, slope: float, dtype: type
):
    members = [member(name, trial=i, lr=0.01) for i in range(3)]
    population, epochs = trained(poisoned(dtype, 7, slope=slope), members, epochs=1)
    # A step by the sign alone has the same length whatever the slope's.
    finite = np.isfinite(population.theta[0]).all()
    assert not (finite and np.isnan(slope))
    # ADOPT divides by the squares of the step before, so it meets this slope one step later.
    assert population.left_at[0] in ((0,) if finite else (7, 8))
    assert list(population.left_at[1:]) == [0, 0]
    assert np.isfinite(population.theta[1:]).all()
    assert list(epochs[0].left) == [True, False, False]


@pytest.mark.parametrize("slope", [np.nan, np.inf])
def test_clipping_does_not_hide_a_gradient_that_is_not_finite(slope: float):
    population, _ = trained(
        poisoned(np.float64, 3, slope=slope), [member("sgd", clip_norm=1.0)], epochs=1
    )
    assert list(population.left_at) == [3]


@pytest.mark.parametrize("name", ["sgd", "momentum"])
def test_parameters_that_left_are_changed_by_no_later_step_or_epoch(name: str):
    """From 10 at a rate of 1e100 the third loss is above all numbers."""
    problem = Bowl((2.0,), start=10.0, steps=50)
    population = create(problem, [member(name, lr=1e100), member(name, trial=1, lr=1e-3)])
    train(problem, population, (1,))
    assert population.left_at[0] == 3
    held = population.theta[0].copy()
    assert 1e200 < abs(held[0]) < 1e205
    train(problem, population, (2,))
    np.testing.assert_array_equal(population.theta[0], held)
    assert population.left_at[0] == 3
    assert population.left_at[1] == 0


@pytest.mark.parametrize(("dtype", "rules"), TYPED_RULES)
def test_the_neighbours_of_a_diverging_row_are_bit_identical_to_a_run_without_it(
    dtype: type, rules: list[str]
):
    problem, calm = supervised(hidden=(6,), dtype=dtype), mixed_members(15, rules=rules)
    wild = [member(name, trial=100 + i, lr=1e30) for i, name in enumerate(rules)]
    population, epochs = trained(problem, [*calm, *wild])
    together = everything(population, epochs)
    for trial, row in everything(*trained(problem, calm)).items():
        assert_identical(together[trial], row)
    left = {m.trial for m, gone in zip(population.members, epochs[-1].left, strict=True) if gone}
    assert {100 + rules.index("sgd")} <= left <= {m.trial for m in wild}


def test_a_row_at_its_exact_minimum_has_not_diverged():
    """A rate of a half takes x**2 to 0 in one step: a change of 10 over a length of 0."""
    population, epochs = trained(Analytic(), [member("sgd", lr=0.5)], epochs=3)
    assert population.theta[0, 0] == 0.0
    assert not any(e.left[0] for e in epochs)


@pytest.mark.parametrize("threads", [1, 2])
def test_training_stops_at_the_next_step_when_asked_to(threads: int):
    stop, steps = Event(), []

    class Watched(Bowl):
        def attach(self, *arrays: np.ndarray) -> Any:
            objective = super().attach(*arrays)
            gentle = objective.differentiate

            def differentiate(batch: np.ndarray) -> None:
                steps.append(1)
                if len(steps) == 5:
                    stop.set()
                gentle(batch)

            objective.differentiate = differentiate
            return objective

    problem = Watched((1.0,), steps=1000)
    population = create(problem, [member(trial=i) for i in range(threads)])
    with Trainer(problem, 1, threads, stop) as trainer, pytest.raises(Interrupted):
        trainer.epoch(population, 1)
    assert len(steps) <= 5 + threads - 1


@pytest.mark.parametrize("threads", [1, 2])
def test_a_stop_reaches_compiled_steps_in_the_middle_of_an_epoch(threads: int):
    rng, samples = np.random.default_rng(0), 400_000
    part = Part(rng.normal(size=(samples, 4)), rng.normal(size=(samples, 1)))
    loss = losses.load("squared_error")
    problem = Supervised(MLP(4, 1, (256,), "tanh"), loss, (Fold(part, None),), batch_size=1)
    population = create(problem, [member(trial=i) for i in range(threads)])
    stop = Event()

    def stop_once_all_move() -> None:
        while not population.step.all():
            time.sleep(0.01)
        stop.set()

    watcher = Thread(target=stop_once_all_move)
    with Trainer(problem, 1, threads, stop) as trainer:
        watcher.start()
        with pytest.raises(Interrupted):
            trainer.epoch(population, 1)
    watcher.join()
    assert (population.step < samples).all()


def test_nothing_trains_once_a_stop_was_asked_for():
    problem, stop = supervised(), Event()
    stop.set()
    population = create(problem, [member()])
    with Trainer(problem, 1, 1, stop) as trainer, pytest.raises(Interrupted):
        trainer.epoch(population, 1)
    assert not population.theta.any()


def test_a_first_loss_that_a_stop_cuts_short_is_never_told():
    problem, stop = supervised(), Event()
    population = create(problem, [member()])
    with Trainer(problem, 1, 1, stop) as trainer:
        whole = trainer.start(population).metrics["train_loss"]
        assert np.isfinite(whole).all()
        stop.set()
        with pytest.raises(Interrupted):
            trainer.start(create(problem, [member()]))


def test_clipping_shortens_the_step_and_leaves_the_reported_norm():
    bowl = Bowl((3.0, 4.0))  # its gradient at (1, 1) has the length 5
    limits = (np.inf, 10.0, 5.0, 2.5, 0.1)
    members = [member("sgd", trial=i, lr=0.1, clip_norm=c) for i, c in enumerate(limits)]
    population, (epoch,) = trained(bowl, members, epochs=1)
    np.testing.assert_allclose(epoch.metrics["gradient_norm"], 5.0, rtol=1e-14)
    lengths = np.linalg.norm(population.theta - 1.0, axis=1)
    np.testing.assert_allclose(lengths, [0.5, 0.5, 0.5, 0.25, 0.01], rtol=1e-12)
    directions = (1.0 - population.theta) / lengths[:, None]
    np.testing.assert_allclose(directions, [[0.6, 0.8]] * 5, rtol=1e-10)


def test_weight_decay_is_added_after_clipping():
    members = [member("sgd", lr=0.1, clip_norm=0.5, weight_decay=0.2)]
    population, (epoch,) = trained(Bowl((3.0, 4.0)), members, epochs=1)
    np.testing.assert_allclose(population.theta[0], 1 - 0.1 * np.array([0.5, 0.6]), rtol=1e-12)
    assert epoch.metrics["gradient_norm"][0] == pytest.approx(5.0)


def by_hand(problem: Supervised, seed: int, rates: list[float]) -> Mapping[str, Any]:
    """An epoch of SGD on softmax or linear regression without hidden layers, in plain NumPy."""
    k, n = problem.model.outputs, problem.model.inputs
    theta = np.zeros(problem.size)
    W, b = theta[: n * k].reshape(n, k), theta[n * k :]
    (X_train, y_train, _), (X_validation, y_validation, _) = problem.folds[0]
    classes = y_train.ndim == 1
    losses, norms, ratio = [], [], np.nan
    for batch, lr in zip(problem.batches(seed, 0), rates, strict=True):
        X, y = X_train[batch], y_train[batch]
        scores = X @ W + b
        if classes:
            p = softmax(scores, axis=1)
            losses.append(log_loss(y, p, labels=range(k), normalize=False))
            d = (p - np.eye(k)[y]) / len(batch)
        else:
            losses.append(0.5 * np.sum((scores - y) ** 2))
            d = (scores - y) / len(batch)
        g = np.concatenate([(X.T @ d).ravel(), d.sum(axis=0)])
        norms.append(np.linalg.norm(g))
        theta -= lr * g
        ratio = lr * np.linalg.norm(g) / np.linalg.norm(theta)
    scores, y = X_validation @ W + b, y_validation
    if classes:
        validation = {
            "validation_loss": log_loss(y, softmax(scores, axis=1), labels=range(k)),
            "validation_accuracy": accuracy_score(y, scores.argmax(axis=1)),
        }
    else:
        validation = {
            "validation_loss": 0.5 * np.sum((scores - y) ** 2) / len(y),
            "validation_r2": r2_score(y, scores, multioutput="variance_weighted"),
        }
    return validation | {
        "train_loss": np.sum(losses) / len(X_train),
        "gradient_norm": np.mean(norms),
        "update_ratio": ratio,
        "learning_rate": rates[-1],
    }


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_every_metric_of_an_epoch_equals_an_independent_computation(task: str):
    problem = supervised(task)
    assert [len(b) for b in problem.batches(4, 0)] == [16, 16, 16, 12]
    settings = {"seed": 4, "lr": 0.2, "schedule": "linear", "schedule_settings": {"final": 0.0}}
    population = create(problem, [member("sgd", **settings)])
    (epoch,) = train(problem, population, (1,), total=2)
    expected = by_hand(problem, 4, [0.2, 0.175, 0.15, 0.125])
    assert epoch.metrics.keys() == expected.keys()
    for name, value in expected.items():
        assert epoch.metrics[name][0] == pytest.approx(value, rel=1e-9), name


def test_metrics_before_the_first_step_are_those_of_the_whole_training_part():
    problem = supervised("multiclass")
    with Trainer(problem, 1) as trainer:
        start = trainer.start(create(problem, [member()]))
    assert start.epoch == 0
    assert start.metrics["train_loss"][0] == pytest.approx(np.log(4))
    assert start.metrics["validation_loss"][0] == pytest.approx(np.log(4))


def test_without_a_validation_part_there_are_no_validation_metrics():
    whole = supervised("multiclass")
    problem = replace(whole, folds=(Fold(whole.fold.train, None),))
    (epoch,) = trained(problem, [member()], epochs=1)[1]
    assert set(epoch.metrics) == {"train_loss", "learning_rate", "gradient_norm", "update_ratio"}


def test_the_training_loss_of_a_function_is_that_after_the_epoch():
    (epoch,) = trained(Analytic(), [member("sgd", lr=0.1)], epochs=1)[1]
    assert epoch.metrics["train_loss"][0] == pytest.approx(64.0)
    assert epoch.metrics["x"][0] == pytest.approx(8.0)


def test_a_schedule_is_laid_out_over_all_epochs():
    problem = supervised()
    members = [member("sgd", lr=0.5, schedule="linear")]
    epochs = trained(problem, members, epochs=3)[1]
    rates = [e.metrics["learning_rate"][0] for e in epochs]
    steps = 6 * problem.steps
    assert rates == pytest.approx([0.5 * (1 - (4 * e - 1) / steps) for e in (1, 2, 3)])


def test_another_seed_ends_elsewhere():
    problem = supervised(hidden=(6,))
    population, _ = trained(problem, [member(trial=i, seed=i) for i in (0, 1)])
    assert not np.array_equal(population.theta[0], population.theta[1])


def test_parameters_keep_their_dtype():
    for dtype in DTYPES:
        population, _ = trained(
            supervised(hidden=(6,), dtype=dtype), mixed_members(5, rules=ROUNDED_RULES)
        )
        arrays = [population.theta, *(s for slots in population.slots.values() for s in slots)]
        assert {a.dtype for a in arrays} == {np.dtype(dtype)}
        assert all(a.flags.c_contiguous for a in arrays)
