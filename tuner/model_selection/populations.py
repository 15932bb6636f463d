"""Candidates as rows of populations: tuner's own estimators, a row for each fold."""

import copy
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, Self, cast

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from tuner.estimators.base import Started
from tuner.model_selection.candidates import (
    CandidateTraining,
    fingerprint,
    last_step,
    steps_before,
)  # fmt: skip
from tuner.search.runner import Runner
from tuner.search.trials import Trial
from tuner.study.runners.folds import FoldsRunner
from tuner.study.runners.partial_fit import Samples
from tuner.study.runners.population import PopulationRunner
from tuner.training.loop import Trainer
from tuner.training.models import kind_of
from tuner.training.population import Member
from tuner.training.problems import Fold, Metric

Array = np.ndarray

# Parameters that differ from row to row of a population; all others fix its structure.
OF_ROWS = {
    *("optimizer", "learning_rate", "schedule", "l1", "l2", "dropout"),
    *("label_smoothing", "delta", "quantile", "callbacks"),
}


@dataclass(frozen=True)
class EvenFolds(Started):
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


def even(
    problem: Started, metrics: Sequence[Mapping[str, Metric]], counts: Sequence[int]
) -> EvenFolds:
    """The problem with the steps of the smallest of all folds, and the metrics of each of its own.

    Args:
        problem: of all folds, or of some.
        metrics: of each fold of the problem.
        counts: the training samples of each of all folds.
    """
    common = -(-min(counts) // problem.batch_size)
    # A larger batch than was asked for, where a larger fold needs it.
    most = max(problem.batch_size, -(-max(counts) // common))
    size = problem.batch_size if -(-max(counts) // problem.batch_size) == common else most
    folds = problem.folds
    return EvenFolds(problem.model, problem.loss, folds, size, tuple(metrics), common=common)


class _Answering:
    """An estimator whose scores are known: it answers as if it were fitted, whatever X is."""

    known: Array

    def _scores(self, X: Any) -> Array:
        return self.known


@cache
def _answering(kind: Hashable) -> Any:
    own = cast(type, kind)
    return type(own.__name__, (_Answering, own), {})


def answering(estimator: Any, scores: Array) -> Any:
    """The estimator with these scores (samples, outputs), for a scorer."""
    kind = _answering(cast(Hashable, type(estimator)))
    twin = kind.__new__(kind)
    vars(twin).update(vars(estimator), known=scores)
    return twin


def structure(estimator: Any) -> str:
    """What candidates must share to be rows of one population."""
    own = last_step(estimator)
    fixed = [item for item in sorted(own.get_params(deep=False).items()) if item[0] not in OF_ROWS]
    parts = [type(own), *fixed]
    return fingerprint([*map(fingerprint, parts), steps_before(estimator)])


class _Prepared(NamedTuple):
    """A fold: its number, the last step that knows it, its data, its scorer."""

    number: int
    estimator: Any
    data: Fold
    score: Metric

    @property
    def problem(self) -> Started:
        problem: Started = self.estimator._problem([self.data])
        return problem

    @property
    def shape(self) -> Hashable:
        """What folds must share to be of one population: steps that depend on the data, as
        encoders, give them features, classes and types of their own."""
        problem = self.problem
        kind = kind_of(self.data.train.X)
        return problem.model, problem.loss.name, problem.dtype, kind.__name__


class _Alike(NamedTuple):
    """Folds of one shape: their numbers, a last step that knows what they are, their trainer."""

    folds: tuple[int, ...]
    estimator: Any
    trainer: Trainer


class PopulationTraining(CandidateTraining):
    """Trainers for each structure; a context, for trainers hold threads."""

    def __enter__(self) -> Self:
        # Trainers limit BLAS as well, but do not end in the order they began.
        self.limits = threadpool_limits(1, user_api="blas")
        self.structures: dict[str, list[_Alike]] = {}
        return self

    def __exit__(self, *error: object) -> None:
        self._close_all_but(set())
        self.limits.restore_original_limits()

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> list[Runner]:
        """A runner for each structure among these trials, a row for each fold."""
        candidates = self.candidates(trials)
        alike: dict[str, dict[int, Any]] = {}
        for number, candidate in candidates.items():
            alike.setdefault(structure(candidate), {})[number] = candidate
        self._close_all_but(set(alike))
        for key, own in alike.items():
            if key not in self.structures:
                self.structures[key] = self._prepared(next(iter(own.values())))
        return [self._runner(self.structures[key], own) for key, own in alike.items()]

    def _runner(self, structure: Sequence[_Alike], candidates: Mapping[int, Any]) -> Runner:
        """What trains candidates of one structure: a population for each shape of their folds."""
        parts = []
        for folds, known, trainer in structure:
            members: list[Member] = []
            for number, candidate in candidates.items():
                own = copy.copy(known).set_params(**last_step(candidate).get_params(deep=False))
                own._check_parameters()
                members += [own._member(self.seed, number, place) for place in range(len(folds))]
            parts.append((folds, PopulationRunner(trainer, members)))
        return parts[0][1] if len(parts) == 1 else FoldsRunner(parts)

    def _close_all_but(self, structures: set[str]) -> None:
        """Ends the trainers of other structures: they hold threads and folds."""
        for key in self.structures.keys() - structures:
            for alike in self.structures.pop(key):
                alike.trainer.__exit__()

    def _prepared(self, candidate: Any) -> list[_Alike]:
        """The folds by their shapes, each shape with its trainer."""
        folds = [self._fold(candidate, *seen) for seen in enumerate(self.folds.seen_by(candidate))]
        counts = [len(fold.data.train.y) for fold in folds]
        shapes: dict[Hashable, list[_Prepared]] = {}
        for fold in folds:
            shapes.setdefault(fold.shape, []).append(fold)
        problems = []
        for alike in shapes.values():
            numbers, estimators, data, scores = zip(*alike, strict=True)
            metrics = [{"score": score} for score in scores]
            problem = even(estimators[0]._problem(data), metrics, counts)
            problems.append((numbers, estimators[0], problem))
        return [
            _Alike(numbers, own, Trainer(problem, self.epochs, self.jobs or 1).__enter__())
            for numbers, own, problem in problems
        ]

    def _fold(self, candidate: Any, number: int, seen: Samples) -> _Prepared:
        """A fold as the candidate's last step knows it."""
        own = clone(last_step(candidate))
        data, _, _ = own._prepared(
            seen.X, seen.y, seen.weights, seen.X_test, seen.y_test, None, split_by=self.seed
        )

        def score(scores: Array, y: Array, weights: Array | None) -> float:
            return float(self.scorer(answering(own, scores), seen.X_test, seen.y_test))

        return _Prepared(number, own, data, score)
