"""Candidates of a search that are other estimators: one epoch of partial_fit at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any, Self

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from tuner.estimators.contest import Samples, Transformed, last_step
from tuner.training.loop import Epoch
from tuner.training.population import Member, Population
from tuner.training.problems import Objective, Problem

Array = np.ndarray


class Nothing(Problem):
    """In place of what a population trains on: the rows stand for estimators that train outside."""

    dtype = np.dtype(np.float64)
    batched = False
    size = 1
    steps = 1

    def initial(self, seed: int) -> Array:
        return np.zeros(1)

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        return []

    def attach(self, theta: Array, gradient: Array, left_at: Array) -> Objective:
        raise NotImplementedError("estimators train outside")


class PartialFits:
    """Trains candidates (estimators by number) through epochs of partial_fit, over processes.

    The training loss is 1 less the estimator's own score (accuracy or R2) on what it trains on;
    before the first epoch it is that of a constant prediction. folds, scorer, seed, epochs: as in
    Populations.
    """

    problem = Nothing()

    def __init__(
        self, folds: Sequence[Samples], scorer: Any, seed: int, epochs: int, jobs: int | None
    ) -> None:
        self.folds, self.scorer, self.seed = Transformed(folds), scorer, seed
        self.total_steps, self.jobs = epochs, jobs
        self.fitted: dict[tuple[int, int], tuple[Any, Samples]] = {}

    def __enter__(self) -> Self:
        self.pool = Parallel(n_jobs=self.jobs)
        self.pool.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.__exit__(*error)

    def groups(self, candidates: Mapping[int, Any]) -> list[tuple[Any, list[Member]]]:
        """This as a trainer, and a row for each candidate and fold."""
        members = []
        self.fitted = {}
        self.folds.needed_by(candidates.values())
        for number, candidate in candidates.items():
            for fold, samples in enumerate(self.folds.by(candidate)):
                self.fitted[number, fold] = clone(last_step(candidate)), samples
                # What a row's optimizer is does not matter: nothing of it trains.
                members.append(Member(number, self.seed, "sgd", {}, "constant", {}, fold))
        return [(self, members)]

    def start(self, population: Population) -> Epoch:
        """Losses and scores of a constant prediction."""
        constants = [
            constant(*self.fitted[m.trial, m.fold], self.scorer) for m in population.members
        ]
        return Epoch(0, metrics(constants), np.zeros(len(constants), bool))

    def epoch(self, population: Population, epoch: int) -> Epoch:
        rows = [(m.trial, m.fold) for m in population.members]
        done = self.pool(
            delayed(one_epoch)(*self.fitted[row], self.scorer, (self.seed, epoch)) for row in rows
        )
        for row, (estimator, _) in zip(rows, done, strict=True):
            self.fitted[row] = estimator, self.fitted[row][1]
        population.step[:] += 1
        numbers = metrics([result for _, result in done])
        left = ~np.isfinite(numbers["train_loss"]) | ~np.isfinite(numbers["validation_score"])
        return Epoch(epoch, numbers, left)


def metrics(results: Sequence[tuple[float, float]]) -> dict[str, Array]:
    """Curves (rows,) from training losses and scores."""
    losses, scores = np.array(results, dtype=np.float64).reshape(-1, 2).T
    return {"train_loss": losses, "validation_loss": -scores, "validation_score": scores}


def constant(estimator: Any, samples: Samples, scorer: Any) -> tuple[float, float]:
    """Training loss and score of predicting what is most frequent, or the mean."""
    kind = DummyClassifier(strategy="prior") if is_classifier(estimator) else DummyRegressor()
    kind.fit(samples.X, samples.y, sample_weight=samples.weights)
    try:
        score = float(scorer(kind, samples.X_test, samples.y_test))
    except (AttributeError, ValueError):
        score = np.nan  # a scorer may want what a constant has not
    return 1.0 - kind.score(samples.X, samples.y), score


def one_epoch(
    estimator: Any, samples: Samples, scorer: Any, seed: tuple[int, int]
) -> tuple[Any, tuple[float, float]]:
    """The estimator after one pass over its samples in the order of the seed, and its numbers.

    What an estimator refuses in training, as it does when its parameters overflow, is a divergence:
    both numbers are nan. A parameter that is none is the user's mistake: it raises as ever.
    """
    try:
        with np.errstate(all="ignore"):
            train(estimator, samples, seed)
            loss = 1.0 - float(estimator.score(samples.X, samples.y))
            return estimator, (loss, float(scorer(estimator, samples.X_test, samples.y_test)))
    except (ValueError, FloatingPointError) as error:
        if isinstance(error, TypeError):  # as scikit-learn's InvalidParameterError is
            raise
        return estimator, (np.nan, np.nan)


def train(estimator: Any, samples: Samples, seed: tuple[int, int]) -> None:
    """One pass of partial_fit, in the order of the seed."""
    order = np.random.default_rng(seed).permutation(len(samples.y))
    known = signature(estimator.partial_fit).parameters
    more: dict[str, Any] = {}
    if "classes" in known:
        more["classes"] = np.unique(samples.y)
    if samples.weights is not None:
        if "sample_weight" not in known:
            name = type(estimator).__name__
            raise TypeError(f"sample_weight: {name}.partial_fit takes none: leave it out")
        more["sample_weight"] = np.asarray(samples.weights)[order]
    estimator.partial_fit(_safe_indexing(samples.X, order), samples.y[order], **more)


def refitted(estimator: Any, samples: Samples, seed: int, epochs: int) -> None:
    """Fits an estimator, or a pipeline, through so many epochs as a search trains it."""
    own = last_step(estimator)
    if isinstance(estimator, Pipeline):
        X = estimator[:-1].fit_transform(samples.X, samples.y) if len(estimator) > 1 else samples.X
        samples = replace(samples, X=X)
    for epoch in range(1, epochs + 1):
        train(own, samples, (seed, epoch))
