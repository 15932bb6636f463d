"""Candidates of a search as rows of populations: tuner's own estimators, a row for each fold."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pickle import PicklingError
from typing import Any, Self

import joblib
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

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
    steps = clone(estimator[:-1])
    X = steps.fit_transform(samples.X, samples.y)
    return replace(samples, X=X, X_test=steps.transform(samples.X_test))


def exact(value: Any) -> str:
    """A string that values share only if they are equal."""
    try:
        return str(joblib.hash(value))
    except (PicklingError, AttributeError, TypeError):
        pass  # something in it cannot be pickled, as a lambda
    if isinstance(value, BaseEstimator):
        value = [type(value), *sorted(value.get_params(deep=False).items())]
    if isinstance(value, list | tuple):
        return exact([exact(part) for part in value])
    return repr(value)  # a function, known by its place in memory, as clones share it


def before(estimator: Any) -> str:
    """What pipelines must share to transform samples alike; of what is none, nothing."""
    if not isinstance(estimator, Pipeline) or len(estimator) == 1:
        return ""
    return exact([exact(step) for _, step in estimator.steps[:-1]])


def structure(estimator: Any) -> str:
    """What candidates must share to be rows of one population."""
    own = last_step(estimator)
    fixed = [item for item in sorted(own.get_params(deep=False).items()) if item[0] not in OF_ROWS]
    return exact([exact(type(own)), *map(exact, fixed), before(estimator)])


class Transformed:
    """Folds as the last steps of candidates see them, kept as long as some candidate needs them.

    folds: as they are before any step.
    """

    def __init__(self, folds: Sequence[Samples]) -> None:
        self.folds = folds
        self.seen: dict[str, list[Samples]] = {}

    def needed_by(self, candidates: Iterable[Any]) -> None:
        """Forgets the folds that none of these candidates sees."""
        needed = {before(candidate) for candidate in candidates}
        self.seen = {key: folds for key, folds in self.seen.items() if key in needed}

    def by(self, candidate: Any) -> list[Samples]:
        """The folds, transformed once for all candidates whose steps before the last are alike."""
        key = before(candidate)
        if key not in self.seen:
            self.seen[key] = [transformed(candidate, samples) for samples in self.folds]
        return self.seen[key]


class Populations:
    """What trains candidates that are tuner's own estimators: a trainer for each structure.

    A context, for trainers hold threads. folds: the samples; scorer: judges a fitted estimator;
    seed: that of all rows; epochs: of a whole training; threads: that a trainer may use.
    """

    def __init__(
        self, folds: Sequence[Samples], scorer: Any, seed: int, epochs: int, threads: int
    ) -> None:
        self.folds, self.scorer, self.seed = Transformed(folds), scorer, seed
        self.epochs, self.threads = epochs, threads
        self.trainers: dict[str, tuple[Any, Trainer]] = {}

    def __enter__(self) -> Self:
        # Trainers limit BLAS as well, but do not end in the order they began.
        self.limits = threadpool_limits(1, user_api="blas")
        return self

    def __exit__(self, *error: object) -> None:
        self.close_all_but(set())
        self.limits.restore_original_limits()

    def close_all_but(self, structures: set[str]) -> None:
        """Ends the trainers of other structures: they hold threads and folds."""
        for key in self.trainers.keys() - structures:
            _, trainer = self.trainers.pop(key)
            trainer.__exit__()

    def groups(self, candidates: Mapping[int, Any]) -> list[tuple[Trainer, list[Member]]]:
        """The trainers of some candidates (estimators by number), and the rows of each."""
        rows: dict[str, list[Member]] = {}
        keys = {number: structure(candidate) for number, candidate in candidates.items()}
        self.close_all_but(set(keys.values()))
        self.folds.needed_by(candidates.values())
        for number, candidate in candidates.items():
            key = keys[number]
            if key not in self.trainers:
                self.trainers[key] = self.prepared(candidate)
            own = copy.copy(self.trainers[key][0]).set_params(
                **last_step(candidate).get_params(deep=False)
            )
            own._check_parameters()
            members = [
                own._member(self.seed, number, fold) for fold in range(len(self.folds.folds))
            ]
            rows.setdefault(key, []).extend(members)
        return [(self.trainers[key][1], members) for key, members in rows.items()]

    def prepared(self, candidate: Any) -> tuple[Any, Trainer]:
        """An estimator that knows what targets are, and the trainer of its structure."""
        folds, judges = [], {}
        for seen in self.folds.by(candidate):
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
        return own, trainer.__enter__()
