"""Candidates with partial_fit: trained one by one in processes."""

from collections.abc import Mapping, Sequence
from traceback import format_exc
from typing import Any

from sklearn.base import clone

from tuner.model_selection.candidates import PooledTraining, Split, last_step, transformed
from tuner.model_selection.judge import whole
from tuner.search.runner import Row, Runner
from tuner.search.trials import Trial
from tuner.study.runners.partial_fit import PartialFitRunner, Samples, train


class PartialFitTraining(PooledTraining):
    """Trains the last step of each candidate, on transformed folds."""

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> list[Runner]:
        """One runner for all candidates, with a row per candidate and fold."""
        estimators: dict[Row, Any] = {}
        samples: dict[Row, Samples] = {}
        runners: list[Runner] = []
        for number, candidate in self.candidates(trials).items():
            try:
                folds = self.folds.seen_by(candidate)
            except Exception:
                if self.raises:
                    raise
                runners.append(self.failed([number], format_exc()))
                continue
            for fold, seen in enumerate(folds):
                row = Row(number, self.seed, fold)
                estimators[row], samples[row] = clone(last_step(candidate)), seen
        if estimators:
            runners.append(
                PartialFitRunner(
                    estimators, samples, self.judge, self.seed, self.pool, self.judgements,
                    self.raises,
                )
            )  # fmt: skip
        return runners


def refit(estimator: Any, split: Split, seed: int, epochs: int) -> Any:
    """Trains an estimator or a pipeline for this many epochs, in the same way as the search."""
    own, samples = last_step(estimator), transformed(estimator, split)
    for epoch in range(1, epochs + 1):
        train(own, samples, (seed, epoch))
    return own if samples.pipeline is None else whole(samples.pipeline, own)
