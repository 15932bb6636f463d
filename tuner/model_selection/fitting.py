"""Candidates without partial_fit: fitted stage by stage, with more of a resource each time."""

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils._metadata_requests import _routing_enabled

from tuner.model_selection.candidates import WEIGHTS, Make, PooledTraining, Split
from tuner.model_selection.folds import Folds
from tuner.model_selection.judge import Judge
from tuner.model_selection.resources import Resource
from tuner.search.runner import Row, Runner
from tuner.search.trials import Trial
from tuner.study.judgements import Judgements
from tuner.study.runners.fitting import FitRunner, Stage
from tuner.study.runners.partial_fit import Metadata, Samples


class FitTraining(PooledTraining):
    """Fits candidates in stages; a context manager, because it owns processes.

    Args:
        make: makes a candidate from the settings of its trial.
        folds: the folds, with all samples or with a share of them.
        judge: scores a fitted candidate.
        judgements: stores scores, and errors of fitting.
        seed: the seed of all rows.
        resource: the resource that grows in each stage.
        jobs: number of processes.
    """

    def __init__(
        self,
        make: Make,
        folds: Folds,
        judge: Judge,
        judgements: Judgements,
        seed: int,
        resource: Resource,
        jobs: int | None,
    ) -> None:
        super().__init__(make, [], judge, judgements, seed, len(resource.stages), jobs)
        self.parts, self.resource = folds, resource
        self.seen: tuple[float, list[Split]] | None = None

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> list[Runner]:
        """One runner for all candidates, with a row per candidate and fold."""
        estimators = {
            Row(trial.number, self.seed, fold): self.make(trial.settings)
            for trial in trials
            for fold in range(len(self.parts))
        }
        return [
            FitRunner(
                estimators, self.stage, self.judge, self.pool, self.judgements, self.raises
            )
        ]  # fmt: skip

    def stage(self, number: int) -> Stage:
        """The samples and parameters of a stage, counted from 1."""
        resource, last = self.resource, number == len(self.resource.stages)
        samples = []
        for split in self.splits(resource.share(number)):
            params = named(self.parts.estimator, split.fit_params)
            (X, y), test = split.training, split.test
            samples.append(Samples(X, y, None, *test, split.score_params, fit_params=params))
        return Stage(samples, resource.amount(number), resource.params(number), last)

    def splits(self, share: float) -> list[Split]:
        """The folds with a share of their samples; the last result is cached."""
        if self.seen is None or self.seen[0] != share:
            self.seen = None
            self.seen = share, self.parts.splits(share)
        return self.seen[1]


def named(estimator: Any, params: Metadata) -> Metadata:
    """Arguments of fit by the names that it expects: without metadata routing, a pipeline's weights
    get the prefix of its last step."""
    if not isinstance(estimator, Pipeline) or WEIGHTS not in params or _routing_enabled():
        return params
    others = {name: value for name, value in params.items() if name != WEIGHTS}
    return {**others, f"{estimator.steps[-1][0]}__{WEIGHTS}": params[WEIGHTS]}
