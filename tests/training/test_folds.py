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
from tuner.training.loop import Trainer
from tuner.training.population import create
from tuner.training.problems import Fold


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
