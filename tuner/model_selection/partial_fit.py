"""Candidates of other kinds: estimators with partial_fit, trained one by one over processes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from joblib import Parallel
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from tuner.model_selection.candidates import CandidateTraining, last_step
from tuner.search.runner import Row
from tuner.search.trials import Trial
from tuner.study.runners.partial_fit import PartialFitRunner, Samples, train


class PartialFitTraining(CandidateTraining):
    """A context, for it holds processes."""

    def __enter__(self) -> Self:
        self.pool = Parallel(n_jobs=self.jobs)
        self.pool.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.__exit__(*error)

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> list[PartialFitRunner]:
        """All candidates with one runner, a row for each fold."""
        estimators: dict[Row, Any] = {}
        samples: dict[Row, Samples] = {}
        for number, candidate in self.candidates(trials).items():
            for fold, seen in enumerate(self.folds.seen_by(candidate)):
                row = Row(number, self.seed, fold)
                estimators[row], samples[row] = clone(last_step(candidate)), seen
        return [PartialFitRunner(estimators, samples, self.scorer, self.seed, self.pool)]


def refit(estimator: Any, samples: Samples, seed: int, epochs: int) -> None:
    """Fits an estimator, or a pipeline, through so many epochs as a search trains it."""
    own = last_step(estimator)
    if isinstance(estimator, Pipeline):
        X = estimator[:-1].fit_transform(samples.X, samples.y) if len(estimator) > 1 else samples.X
        samples = replace(samples, X=X)
    for epoch in range(1, epochs + 1):
        train(own, samples, (seed, epoch))
