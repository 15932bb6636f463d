"""Candidates: estimators with chosen parameters, and the folds that their last steps see."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pickle import PicklingError
from typing import Any

import joblib
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from tuner.codec import Settings
from tuner.search.trials import Goal, Trial
from tuner.study.runners.partial_fit import Samples, Scorer

# From the settings of a trial to an estimator that is not fitted.
Make = Callable[[Settings], Any]


class CandidateTraining:
    """What trains candidates on folds, a `tuner.study.training.Training`: what its kinds share.

    Args:
        make: a candidate from the settings of its trial.
        folds: the samples, as they are before any step.
        scorer: judges a fitted estimator.
        seed: of all rows.
        epochs: of a whole training.
        jobs: threads or processes.
    """

    goal = Goal("validation_score", greater_is_better=True)
    has_seeds = False

    def __init__(
        self,
        make: Make,
        folds: Sequence[Samples],
        scorer: Scorer,
        seed: int,
        epochs: int,
        jobs: int | None,
    ) -> None:
        self.make, self.folds, self.scorer = make, TransformedFolds(folds), scorer
        self.seed, self.epochs, self.jobs = seed, epochs, jobs

    def candidates(self, trials: Sequence[Trial]) -> dict[int, Any]:
        """The candidates of a cohort by number; folds that none of them sees are forgotten."""
        candidates = {trial.number: self.make(trial.settings) for trial in trials}
        self.folds.forget_all_but(candidates.values())
        return candidates


class TransformedFolds:
    """Folds as the last steps of candidates see them, kept as long as some candidate needs them.

    Args:
        folds: as they are before any step.
    """

    def __init__(self, folds: Sequence[Samples]) -> None:
        self.folds = folds
        self.seen: dict[str, list[Samples]] = {}

    def __len__(self) -> int:
        return len(self.folds)

    def forget_all_but(self, candidates: Iterable[Any]) -> None:
        """Forgets the folds that none of these candidates sees."""
        needed = {steps_before(candidate) for candidate in candidates}
        self.seen = {key: folds for key, folds in self.seen.items() if key in needed}

    def seen_by(self, candidate: Any) -> list[Samples]:
        """The folds, transformed once for all candidates whose steps before the last are alike."""
        key = steps_before(candidate)
        if key not in self.seen:
            self.seen[key] = [transformed(candidate, samples) for samples in self.folds]
        return self.seen[key]


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


def steps_before(estimator: Any) -> str:
    """What pipelines must share to transform samples alike; of what is none, nothing."""
    if not isinstance(estimator, Pipeline) or len(estimator) == 1:
        return ""
    return fingerprint([fingerprint(step) for _, step in estimator.steps[:-1]])


def fingerprint(value: Any) -> str:
    """A text that values share only if they are equal."""
    try:
        return str(joblib.hash(value))
    except (PicklingError, AttributeError, TypeError):
        pass  # something in it cannot be pickled, as a lambda
    if isinstance(value, BaseEstimator):
        value = [type(value), *sorted(value.get_params(deep=False).items())]
    if isinstance(value, list | tuple):
        return fingerprint([fingerprint(part) for part in value])
    return repr(value)  # a function, known by its place in memory, as clones share it
