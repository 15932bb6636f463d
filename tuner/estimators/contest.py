"""Candidates of a search as rows of populations: tuner's own estimators, a row for each fold."""

import copy
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from tuner.estimators.base import Started
from tuner.training.loop import Trainer
from tuner.training.population import Member

Array = np.ndarray

# Parameters that differ from row to row of a population; all others fix its structure.
OF_ROWS = {
    *("optimizer", "learning_rate", "schedule", "l1", "l2", "dropout"),
    *("label_smoothing", "delta", "quantile", "callbacks"),
}


@dataclass(frozen=True)
class Samples:
    """A fold of a search: raw rows, targets and weights to train on, and those to be judged by."""

    X: Any
    y: Any
    weights: Any
    X_test: Any
    y_test: Any


@dataclass(frozen=True)
class Folded(Started):
    """A problem whose folds take equally many steps, of batches as even as need be."""

    common: int = 1

    @property
    def steps(self) -> int:
        return self.common

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        usual = super().batches(seed, epoch)
        if len(usual) == self.common:
            return usual
        return np.array_split(np.concatenate(usual), self.common)


def even(problem: Started) -> Folded:
    """The problem with the steps of its smallest fold for all."""
    counts = [len(fold.train.y) for fold in problem.folds]
    common = -(-min(counts) // problem.batch_size)
    # A larger batch than was asked for, where a larger fold needs it.
    most = max(problem.batch_size, -(-max(counts) // common))
    size = problem.batch_size if -(-max(counts) // problem.batch_size) == common else most
    return Folded(problem.model, problem.loss, problem.folds, size, problem.metrics, common=common)


class Known:
    """An estimator whose scores are known: it answers as if it were fitted, whatever X is."""

    _known: Array

    def _scores(self, X: Any) -> Array:
        return self._known


def answering(estimator: Any, scores: Array) -> Any:
    """The estimator with these scores (samples, outputs), for a scorer."""
    kind = type(estimator)
    twin = copy.copy(estimator)
    twin.__class__ = type(kind.__name__, (Known, kind), {})
    twin._known = scores
    return twin


def last_step(estimator: Any) -> Any:
    """The estimator that learns y: the last one of a pipeline, or itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def transformed(estimator: Any, samples: Samples) -> Samples:
    """A fold as a pipeline's last step sees it, the steps before fitted to what it trains on."""
    if not isinstance(estimator, Pipeline) or len(estimator) == 1:
        return samples
    before = clone(estimator[:-1])
    X = before.fit_transform(samples.X, samples.y)
    return replace(samples, X=X, X_test=before.transform(samples.X_test))


def structure(estimator: Any) -> str:
    """What candidates must share to be rows of one population."""
    own = last_step(estimator)
    fixed = {k: v for k, v in own.get_params(deep=False).items() if k not in OF_ROWS}
    steps = estimator[:-1].get_params() if isinstance(estimator, Pipeline) else {}
    return repr((type(own), sorted(fixed.items()), sorted(steps.items(), key=lambda i: i[0])))


class Populations:
    """What trains candidates that are tuner's own estimators: a trainer for each structure.

    A context, for trainers hold threads. folds: the samples; scorer: judges a fitted estimator;
    seed: that of all rows; epochs: of a whole training; threads: that a trainer may use.
    """

    def __init__(
        self, folds: Sequence[Samples], scorer: Any, seed: int, epochs: int, threads: int
    ) -> None:
        self.folds, self.scorer, self.seed = folds, scorer, seed
        self.epochs, self.threads = epochs, threads
        self.trainers: dict[str, tuple[Any, Trainer]] = {}
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def groups(self, candidates: Mapping[int, Any]) -> list[tuple[Trainer, list[Member]]]:
        """The trainers of some candidates (estimators by number), and the rows of each."""
        rows: dict[str, list[Member]] = {}
        for number, candidate in candidates.items():
            key = structure(candidate)
            if key not in self.trainers:
                self.trainers[key] = self.prepared(candidate)
            own = copy.copy(self.trainers[key][0]).set_params(
                **last_step(candidate).get_params(deep=False)
            )
            own._check_parameters()
            members = [own._member(self.seed, number, fold) for fold in range(len(self.folds))]
            rows.setdefault(key, []).extend(members)
        return [(self.trainers[key][1], members) for key, members in rows.items()]

    def prepared(self, candidate: Any) -> tuple[Any, Trainer]:
        """An estimator that knows what targets are, and the trainer of its structure."""
        folds, judges = [], {}
        for samples in self.folds:
            seen = transformed(candidate, samples)
            own = clone(last_step(candidate))
            fold, _, _ = own._prepared(
                seen.X, seen.y, seen.weights, seen.X_test, seen.y_test, None, split_by=self.seed
            )
            folds.append(fold)
            judges[id(fold.validation.y)] = own, seen

        def score(scores: Array, y: Array, weights: Array | None) -> float:
            own, seen = judges[id(y)]
            return float(self.scorer(answering(own, scores), seen.X_test, seen.y_test))

        own = judges[id(folds[0].validation.y)][0]
        problem = replace(own._problem(folds), metrics={"score": score})
        trainer = Trainer(even(problem), self.epochs, self.threads)
        return own, self.stack.enter_context(trainer)
