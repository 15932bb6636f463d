"""Promises of folds, weights and metrics: a row learns and is judged by what is its own."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.conftest import (
    assert_identical,
    everything,
    member,
    mixed_members,
    supervised,
    trained,
)
from tuner.training import losses
from tuner.training.loop import Trainer
from tuner.training.models import MLP
from tuner.training.population import create, evaluated
from tuner.training.problems import Fold, Part, Supervised


def test_rows_of_several_folds_are_what_they_are_on_each_fold_alone():
    """The folds have other numbers of samples, and of steps in an epoch."""
    problem = supervised(folds=3)
    members = [replace(m, fold=m.trial % 3) for m in mixed_members(18, seeds=(0, 1))]
    assert len({problem.for_rows(create(problem, [m])).steps for m in members}) > 1
    together = everything(*trained(problem, members, threads=2))
    for fold in range(3):
        alone = replace(problem, folds=(problem.folds[fold],))
        own = [replace(m, fold=0) for m in members if m.fold == fold]
        for trial, row in everything(*trained(alone, own)).items():
            assert_identical(row, together[trial])


def test_the_first_losses_are_those_of_each_rows_own_fold():
    problem = supervised("regression", folds=2)
    population = create(problem, [member(trial=i, fold=i % 2) for i in range(4)])
    with Trainer(problem, 1) as trainer:
        start = trainer.start(population)
    for row, m in enumerate(population.members):
        train, validation = problem.folds[m.fold]
        for name, part in (("train_loss", train), ("validation_loss", validation)):
            expected = 0.5 * np.square(part.y).sum(axis=1).mean()
            assert start.metrics[name][row] == pytest.approx(expected, rel=1e-12)


def test_losses_of_weighted_samples_are_weighted_means():
    problem = supervised("regression", weighted=True)
    population, (epoch,) = trained(problem, [member("sgd", lr=1e-9)], epochs=1)
    scores = population.theta[0][-3:]  # as good as zero, as the weights are
    for name, part in zip(("train_loss", "validation_loss"), problem.fold, strict=True):
        each = 0.5 * np.square(part.y - scores).sum(axis=1)
        assert epoch.metrics[name][0] == pytest.approx(np.average(each, weights=part.weights))


def test_a_training_on_weights_is_one_on_repeated_samples():
    """In one batch."""
    problem = supervised(batch_size=200)
    X, y, _ = problem.fold.train
    weights = np.arange(60.0) % 4
    twice = np.repeat(np.arange(60), weights.astype(int))
    weighted = Fold(problem.fold.train._replace(weights=weights), None)
    repeated = Fold(problem.fold.train._replace(X=X[twice], y=y[twice]), None)
    ends = [
        trained(replace(problem, folds=(fold,)), [member("momentum", lr=0.1)])[0].theta
        for fold in (weighted, repeated)
    ]
    np.testing.assert_allclose(*ends, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("size", [1, 7, 20, 60])
def test_an_epoch_goes_where_repeated_samples_would_go_at_every_batch_size(size: int, sparse: bool):
    """At a rate so low that all its steps start alike; 7 leaves a last batch of 4."""
    problem = supervised("regression", batch_size=size, sparse=sparse)
    weights = np.random.default_rng(0).gamma(1.0, size=60)
    weights[:5] = 0.0, 1e-320, 40.0, 40.0, 40.0
    train = problem.fold.train._replace(weights=weights)
    problem = replace(problem, folds=(Fold(train, None),))
    population, (epoch,) = trained(problem, [member("sgd", lr=1e-9)], epochs=1)
    start = problem.initial(0)
    errors = train.y - problem.model.scores(start, train.X)
    count = np.empty(60)
    for batch in problem.batches(0, 0):
        count[batch] = len(batch)
    expected = weights / weights.mean() / count @ errors
    if size != 7:
        mean = np.average(errors, axis=0, weights=weights)
        np.testing.assert_allclose(expected, mean * problem.steps)
    moved = (population.theta[0] - start)[-3:]  # the biases
    np.testing.assert_allclose(moved, 1e-9 * expected, rtol=1e-4)
    mean = np.average(0.5 * np.square(errors).sum(axis=1), weights=weights)
    assert epoch.metrics["train_loss"][0] == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("size", [1, 32, 600])
def test_a_class_weight_moves_the_optimum_alike_at_every_batch_size(size: int):
    """A constant's log-odds under weights of 1 to 20: log(20 p / (1 - p)) wherever it is found."""
    y = (np.arange(600) % 21 == 0).astype(np.int64)
    weights = np.where(y == 1, 20.0, 1.0)
    optimum = np.log(weights[y == 1].sum() / weights[y == 0].sum())
    part = Part(np.zeros((600, 1)), y, weights)
    problem = Supervised(MLP(1, 1), losses.load("logistic"), (Fold(part, None),), size)
    epochs = {1: 40, 32: 200, 600: 400}[size]
    row = member("sgd", lr=min(1.0, size / 32), tail_average=0.7)
    population, _ = trained(problem, [row], epochs)
    assert evaluated(population)[0, -1] == pytest.approx(optimum, abs=0.1)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_the_first_loss_under_weights_is_that_of_an_epoch_that_goes_nowhere(size: int):
    problem = supervised(weighted=True, batch_size=size)
    population = create(problem, [member("sgd", lr=1e-300)])
    with Trainer(problem, 1) as trainer:
        start = trainer.start(population).metrics["train_loss"]
        epoch = trainer.epoch(population, 1).metrics["train_loss"]
    np.testing.assert_allclose(start, epoch, rtol=1e-12)


@pytest.mark.parametrize("factor", [1e-30, 0.5, 1e30])
def test_all_weights_times_a_number_are_the_same_weights(factor: float):
    problem = supervised(weighted=True, batch_size=8)
    train = problem.fold.train
    larger = train._replace(weights=train.weights * factor)
    both = replace(problem, folds=(problem.fold, Fold(larger, problem.fold.validation)))
    ends, _ = trained(both, [member("adam", trial=i, fold=i) for i in (0, 1)])
    np.testing.assert_allclose(*ends.theta, rtol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "weight"),
    [(np.float64, 0.0), (np.float64, 1e-310), (np.float64, 1e308), (np.float32, 1e-40)],
)
def test_weights_that_no_mean_divides_are_refused(dtype: type, weight: float):
    problem = supervised(dtype=dtype)
    weights = np.full(len(problem.fold.train.y), weight, dtype)
    with pytest.raises(
        ValueError, match=r"^fold 0: training part: weights: they add up to .*: giv"
    ):
        replace(problem, folds=(Fold(problem.fold.train._replace(weights=weights), None),))


def test_metrics_see_the_scores_targets_and_weights_of_the_validation_part():
    problem = supervised("regression", weighted=True, folds=2)
    seen = []

    def metric(scores: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
        seen.append((y, weights))
        return float(scores.sum())

    problem = replace(problem, metrics=2 * ({"total": metric},))
    population, (epoch,) = trained(problem, [member(trial=i, fold=i) for i in (0, 1)], epochs=1)
    for row, m in enumerate(population.members):
        X, y, weights = problem.folds[m.fold].validation
        expected = problem.model.scores(population.theta[row], X).sum()
        assert epoch.metrics["validation_total"][row] == pytest.approx(expected, rel=1e-12)
        assert any(own is y and w is weights for own, w in seen)


def test_a_metric_is_not_asked_about_scores_that_are_not_numbers():
    def fussy(scores: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
        assert np.isfinite(scores).all()
        return 0.0

    problem = replace(supervised("regression"), metrics=({"fussy": fussy},))
    members = [member("sgd", trial=i, lr=lr) for i, lr in enumerate((1e200, 1e-3))]
    _, (epoch,) = trained(problem, members, epochs=1)
    assert list(epoch.left) == [True, False]


def test_labels_are_smoothed_in_training_alone():
    problem = supervised("multiclass", batch_size=60)
    rows = [
        member("sgd", trial=i, lr=1e-12, model_settings={"label_smoothing": e})
        for i, e in enumerate((0.0, 0.5))
    ]
    population = create(problem, rows)
    population.theta[:] = np.random.default_rng(0).normal(size=problem.size)
    with Trainer(problem, 1) as trainer:
        metrics = trainer.epoch(population, 1).metrics
    assert metrics["validation_loss"][0] == pytest.approx(metrics["validation_loss"][1], rel=1e-9)
    assert abs(metrics["train_loss"][0] - metrics["train_loss"][1]) > 1e-3
