"""Candidates as rows of populations: tuner's own estimators, a row for each fold."""

import copy
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self, cast

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
from tuner.search.trials import Trial
from tuner.study.runners.partial_fit import Samples
from tuner.study.runners.population import PopulationRunner
from tuner.training.loop import Trainer
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


def even(problem: Started, metrics: Sequence[Mapping[str, Metric]]) -> EvenFolds:
    """The problem with the steps of its smallest fold for all, and the metrics of each fold."""
    counts = [len(fold.train.y) for fold in problem.folds]
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


class PopulationTraining(CandidateTraining):
    """A trainer for each structure; a context, for trainers hold threads."""

    def __enter__(self) -> Self:
        # Trainers limit BLAS as well, but do not end in the order they began.
        self.limits = threadpool_limits(1, user_api="blas")
        self.trainers: dict[str, tuple[Any, Trainer]] = {}
        return self

    def __exit__(self, *error: object) -> None:
        self._close_all_but(set())
        self.limits.restore_original_limits()

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> list[PopulationRunner]:
        """A population for each structure among these trials, a row for each fold."""
        candidates = self.candidates(trials)
        keys = {number: structure(candidate) for number, candidate in candidates.items()}
        self._close_all_but(set(keys.values()))
        rows: dict[str, list[Member]] = {}
        for number, candidate in candidates.items():
            key = keys[number]
            if key not in self.trainers:
                self.trainers[key] = self._prepared(candidate)
            own = copy.copy(self.trainers[key][0]).set_params(
                **last_step(candidate).get_params(deep=False)
            )
            own._check_parameters()
            rows.setdefault(key, []).extend(
                own._member(self.seed, number, fold) for fold in range(len(self.folds))
            )
        return [PopulationRunner(self.trainers[key][1], members) for key, members in rows.items()]

    def _close_all_but(self, structures: set[str]) -> None:
        """Ends the trainers of other structures: they hold threads and folds."""
        for key in self.trainers.keys() - structures:
            _, trainer = self.trainers.pop(key)
            trainer.__exit__()

    def _prepared(self, candidate: Any) -> tuple[Any, Trainer]:
        """An estimator that knows what targets are, and the trainer of its structure."""
        prepared = [self._fold(candidate, seen) for seen in self.folds.seen_by(candidate)]
        own, folds, scorers = zip(*prepared, strict=True)
        problem = even(own[0]._problem(folds), [{"score": scorer} for scorer in scorers])
        return own[0], Trainer(problem, self.epochs, self.jobs or 1).__enter__()

    def _fold(self, candidate: Any, seen: Samples) -> tuple[Any, Fold, Metric]:
        """The candidate's last step as it knows a fold, the fold, and its scorer."""
        own = clone(last_step(candidate))
        fold, _, _ = own._prepared(
            seen.X, seen.y, seen.weights, seen.X_test, seen.y_test, None, split_by=self.seed
        )

        def score(scores: Array, y: Array, weights: Array | None) -> float:
            return float(self.scorer(answering(own, scores), seen.X_test, seen.y_test))

        return own, fold, score
