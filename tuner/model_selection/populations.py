"""Candidates that are tuner's estimators: one row of a population per fold."""

import copy
import warnings
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from traceback import format_exc
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from threadpoolctl import threadpool_limits

from tuner.estimators.base import Started
from tuner.estimators.rows import part
from tuner.model_selection.candidates import (
    WEIGHTS,
    CandidateTraining,
    fingerprint,
    last_step,
    steps_before,
)  # fmt: skip
from tuner.search.runner import Progress, Row, Runner
from tuner.search.trials import Trial
from tuner.study.runners.folds import FoldsRunner
from tuner.study.runners.partial_fit import Samples
from tuner.study.runners.population import PopulationRunner
from tuner.training.loop import Trainer
from tuner.training.models import kind_of
from tuner.training.population import Member, evaluated
from tuner.training.problems import Fold

Array = np.ndarray

SCORE = CandidateTraining.goal.curve

# Parameters that may differ between rows of a population; all others fix its structure.
OF_ROWS = {
    *("optimizer", "learning_rate", "schedule", "l1", "l2", "dropout"),
    *("label_smoothing", "delta", "quantile", "callbacks"),
}


@dataclass(frozen=True)
class EvenFolds(Started):
    """A problem whose folds all have the same number of steps; batches may have even sizes."""

    common: int = 1

    @property
    def steps(self) -> int:
        return self.common

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        usual = super().batches(seed, epoch)
        if len(usual) == self.common:
            return usual
        return np.array_split(np.concatenate(usual), self.common)


def even(problem: Started, counts: Sequence[int]) -> EvenFolds:
    """The problem with as many steps per epoch as the smallest of all folds needs.

    Args:
        problem: the problem of all folds, or of some.
        counts: the number of training samples of each of all folds.
    """
    common = -(-min(counts) // problem.batch_size)
    # A larger fold may need a larger batch than batch_size.
    most = max(problem.batch_size, -(-max(counts) // common))
    size = problem.batch_size if -(-max(counts) // problem.batch_size) == common else most
    folds = problem.folds
    return EvenFolds(problem.model, problem.loss, folds, size, common=common)


def structure(estimator: Any) -> str:
    """A key that candidates share if they can be rows of one population."""
    own = last_step(estimator)
    fixed = [item for item in sorted(own.get_params(deep=False).items()) if item[0] not in OF_ROWS]
    parts = [type(own), *fixed]
    return fingerprint([*map(fingerprint, parts), steps_before(estimator)])


class _Prepared(NamedTuple):
    """A fold: its number, a last step that has seen its data, and the data."""

    number: int
    estimator: Any
    data: Fold

    @property
    def problem(self) -> Started:
        problem: Started = self.estimator._problem([self.data])
        return problem

    @property
    def shape(self) -> Hashable:
        """A key that folds share if they can be in one population: steps that depend on the data,
        such as encoders, may give each fold other features, classes and types."""
        problem = self.problem
        kind = kind_of(self.data.train.X)
        return problem.model, problem.loss.name, problem.dtype, kind.__name__


class _Alike(NamedTuple):
    """Folds of one shape: numbers, last steps that have seen their data, samples, and the
    trainer."""

    folds: tuple[int, ...]
    estimators: tuple[Any, ...]
    samples: tuple[Samples, ...]
    trainer: Trainer


class JudgedPopulation(PopulationRunner):
    """A population whose rows are scored as fitted candidates.

    Args:
        alike: the folds of the rows.
        candidates: the candidates' last steps, by number.
        training: the training that the runner belongs to.
    """

    def __init__(
        self, alike: _Alike, candidates: Mapping[int, Any], training: CandidateTraining
    ) -> None:
        self.alike, self.training = alike, training
        self.estimators: dict[Row, Any] = {}
        members: list[Member] = []
        for number, candidate in candidates.items():
            for place, known in enumerate(alike.estimators):
                own = copy.copy(known).set_params(**candidate.get_params(deep=False))
                own.history_, own.n_iter_ = {}, 0
                members.append(own._member(training.seed, number, place))
                self.estimators[Row(number, training.seed, place)] = own
        super().__init__(alike.trainer, members)

    def start(self) -> Mapping[str, Array]:
        metrics = super().start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scores before the first step are only for the curve
            return {**metrics, SCORE: self.scores(np.zeros(len(self.rows), bool), self.first)}

    def epoch(self, epoch: int) -> Progress:
        progress = super().epoch(epoch)
        for i, row in enumerate(self.rows):
            own = self.estimators[row]
            own.n_iter_ = epoch
            for name, values in progress.metrics.items():
                own.history_.setdefault(name, []).append(float(values[i]))
        scores = self.scores(progress.left, self.judged)
        return replace(progress, metrics={**progress.metrics, SCORE: scores})

    def scores(self, left: Array, judge: Callable[[Row, Any], float]) -> Array:
        """Scores (rows,), nan for rows that left."""
        theta, scores = evaluated(self.population), np.full(len(left), np.nan)
        for i, row in enumerate(self.rows):
            if not left[i]:
                own = self.estimators[row]
                own.theta_ = theta[i].copy()
                scores[i] = judge(row, own)
        return scores

    def first(self, row: Row, own: Any) -> float:
        """The score of a row before its first step; nan if the scorer cannot compute it."""
        if not self.training.judge.plain:
            return np.nan
        try:
            return self.training.judge(own, self.alike.samples[row.fold]).rank
        except Exception:
            return np.nan

    def judged(self, row: Row, own: Any) -> float:
        """Scores a row and stores the result."""
        judged = self.training.judge(own, self.alike.samples[row.fold])
        of_all = row._replace(fold=self.alike.folds[row.fold])
        return self.training.judgements.judge(of_all, judged)


class PopulationTraining(CandidateTraining):
    """Trains candidates as populations; a context manager, because trainers own threads."""

    def __enter__(self) -> Self:
        # Trainers also limit BLAS threads, but they do not end in reverse order of their start.
        self.limits = threadpool_limits(1, user_api="blas")
        self.structures: dict[str, list[_Alike]] = {}
        return self

    def __exit__(self, *error: object) -> None:
        self._close_all_but(set())
        self.limits.restore_original_limits()

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> list[Runner]:
        """One runner for each structure among these trials, with a row per candidate and fold."""
        runners: list[Runner] = []
        alike: dict[str, dict[int, Any]] = {}
        for number, candidate in self.candidates(trials).items():
            try:
                last_step(candidate)._check_parameters()
                alike.setdefault(structure(candidate), {})[number] = candidate
            except Exception:
                runners.append(self._not_trained([number]))
        self._close_all_but(set(alike))
        for key, own in alike.items():
            try:
                if key not in self.structures:
                    self.structures[key] = self._prepared(next(iter(own.values())))
                runners.append(self._runner(self.structures[key], own))
            except Exception:
                runners.append(self._not_trained(own))
        return runners

    def _not_trained(self, trials: Collection[int]) -> Runner:
        """A runner for candidates whose error was caught, unless errors must be raised."""
        if self.raises:
            raise
        return self.failed(trials, format_exc())

    def _runner(self, structure: Sequence[_Alike], candidates: Mapping[int, Any]) -> Runner:
        """The runner of candidates of one structure: a population per shape of their folds."""
        own = {number: last_step(candidate) for number, candidate in candidates.items()}
        parts = [(alike.folds, JudgedPopulation(alike, own, self)) for alike in structure]
        return parts[0][1] if len(parts) == 1 else FoldsRunner(parts)

    def _close_all_but(self, structures: set[str]) -> None:
        """Ends the trainers of other structures, which own threads and folds."""
        for key in self.structures.keys() - structures:
            for alike in self.structures.pop(key):
                alike.trainer.__exit__()

    def _prepared(self, candidate: Any) -> list[_Alike]:
        """The folds grouped by shape, each shape with its trainer."""
        seen = self.folds.seen_by(candidate)
        folds = [self._fold(candidate, *one) for one in enumerate(seen)]
        if any(fold.data.validation is None for fold in folds):
            # Curves are means over folds, so either all folds have a validation loss or none.
            folds = [fold._replace(data=fold.data._replace(validation=None)) for fold in folds]
        counts = [len(fold.data.train.y) for fold in folds]
        shapes: dict[Hashable, list[_Prepared]] = {}
        for fold in folds:
            shapes.setdefault(fold.shape, []).append(fold)
        prepared = []
        for alike in shapes.values():
            numbers, estimators, data = zip(*alike, strict=True)
            problem = even(estimators[0]._problem(data), counts)
            prepared.append(((numbers, estimators, tuple(seen[i] for i in numbers)), problem))
        return [
            _Alike(*known, Trainer(problem, self.epochs, self.jobs or 1).__enter__())
            for known, problem in prepared
        ]

    def _fold(self, candidate: Any, number: int, seen: Samples) -> _Prepared:
        """A fold as the candidate's last step encodes it.

        Test rows of a class without training rows, and those of weight 0, have a score but no loss.
        """
        own = clone(last_step(candidate)).set_params(validation_fraction=None, early_stopping=False)
        data, _, _ = own._prepared(seen.X, seen.y, seen.weights, None, None, None, self.seed)
        weights = seen.score_params.get(WEIGHTS)
        counts = np.ones(len(seen.y_test), bool) if weights is None else np.asarray(weights) > 0
        y = np.asarray(seen.y_test)
        if hasattr(own, "classes_") and y.ndim == 1:
            counts &= np.isin(y, own.classes_)
        if counts.any():
            X = _safe_indexing(seen.X_test, np.flatnonzero(counts))
            known = None if weights is None else np.asarray(weights, np.float64)[counts]
            X, y, known = own._rows(X, y[counts], known, own._problem([data]).dtype)
            data = data._replace(validation=part(X, own._coded(y), known))
        return _Prepared(number, own, data)
