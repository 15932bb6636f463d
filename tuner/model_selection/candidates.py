"""Candidates: estimators with proposed parameters, and the folds that their last steps see."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from pickle import PicklingError
from typing import Any, Self

import joblib
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils._metadata_requests import _routing_enabled
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing

from tuner.codec import Settings
from tuner.model_selection.judge import Judge, whole
from tuner.search.runner import Progress, Row, Runner
from tuner.search.trials import Goal, Trial
from tuner.study.judgements import Judgements
from tuner.study.runners.partial_fit import Metadata, Samples

# Makes an unfitted estimator from the settings of a trial.
Make = Callable[[Settings], Any]

WEIGHTS = "sample_weight"


@dataclass(frozen=True)
class Split:
    """A fold of a search, before any transformation.

    Attributes:
        training: X and y to train on.
        test: X and y to score on.
        fit_params: further arguments of fit, for the training samples.
        score_params: further arguments of the scorer, for the test samples.
    """

    training: tuple[Any, Any]
    test: tuple[Any, Any]
    fit_params: Metadata
    score_params: Metadata


class CandidateTraining:
    """Trains candidates on folds: the base class of each `tuner.study.training.Training` here.

    Args:
        make: makes a candidate from the settings of its trial.
        folds: the folds, before any step of a pipeline.
        judge: scores a candidate that was trained on a fold.
        judgements: stores scores, and errors of training.
        seed: the seed of all rows.
        epochs: number of epochs of a whole training.
        jobs: number of threads or processes.
    """

    goal = Goal("validation_score", greater_is_better=True)
    has_seeds = False

    def __init__(
        self,
        make: Make,
        folds: Sequence[Split],
        judge: Judge,
        judgements: Judgements,
        seed: int,
        epochs: int,
        jobs: int | None,
    ) -> None:
        self.make, self.folds = make, TransformedFolds(folds)
        self.judge, self.judgements = judge, judgements
        self.seed, self.epochs, self.jobs = seed, epochs, jobs

    def candidates(self, trials: Sequence[Trial]) -> dict[int, Any]:
        """The candidates of a cohort by number; drops cached folds that none of them uses."""
        candidates = {trial.number: self.make(trial.settings) for trial in trials}
        self.folds.forget_all_but(candidates.values())
        return candidates

    @property
    def raises(self) -> bool:
        """Whether an error ends the search."""
        return bool(self.judge.error_score == "raise")

    def failed(self, trials: Collection[int], error: str) -> Runner:
        """A runner for candidates that cannot be trained at all."""
        rows = [
            Row(number, self.seed, fold) for number in trials for fold in range(len(self.folds))
        ]
        for row in rows:
            self.judgements.fail(row, error)
        return FailedRunner(rows)


class FailedRunner(Runner):
    """A runner whose rows leave in the first epoch."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.left = rows

    @property
    def rows(self) -> Sequence[Row]:
        return self.left

    @property
    def steps(self) -> int:
        return 1

    @property
    def momentum(self) -> np.ndarray:
        return np.zeros(len(self.rows))

    def start(self) -> Mapping[str, np.ndarray]:
        return {CandidateTraining.goal.curve: np.full(len(self.rows), np.nan)}

    def epoch(self, epoch: int) -> Progress:
        count = len(self.rows)
        return Progress(self.start(), np.ones(count, bool), np.ones(count), np.zeros(count))

    def keep(self, trials: Collection[int]) -> None:
        self.left = [row for row in self.left if row.trial in trials]

    def save(self, folder: Any) -> None:
        """There is no state to save."""

    def restore(self, folder: Any) -> None:
        """There is no state to restore."""


class TransformedFolds:
    """The folds as last steps of candidates see them, cached while some candidate needs them.

    Args:
        folds: the folds before any step of a pipeline.
    """

    def __init__(self, folds: Sequence[Split]) -> None:
        self.folds = folds
        self.seen: dict[str, list[Samples]] = {}

    def __len__(self) -> int:
        return len(self.folds)

    def forget_all_but(self, candidates: Iterable[Any]) -> None:
        """Drops the cached folds that none of these candidates uses."""
        needed = {steps_before(candidate) for candidate in candidates}
        self.seen = {key: folds for key, folds in self.seen.items() if key in needed}

    def seen_by(self, candidate: Any) -> list[Samples]:
        """The folds, transformed once for all candidates with equal steps before the last."""
        key = steps_before(candidate)
        if key not in self.seen:
            self.seen[key] = [transformed(candidate, split) for split in self.folds]
        return self.seen[key]


def last_step(estimator: Any) -> Any:
    """The last step of a pipeline, or the estimator itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def transformed(estimator: Any, split: Split) -> Samples:
    """A fold as a pipeline's last step sees it, after other steps were fitted to its training
    part."""
    before, weights = divided(estimator, split.fit_params)
    (X, y), (X_test, y_test) = split.training, split.test
    fitted, X_seen = None, X_test
    if isinstance(estimator, Pipeline):
        fitted = whole(estimator, estimator[-1])
        if len(estimator) > 1:
            steps = clone(estimator[:-1])
            X, X_seen = steps.fit_transform(X, y, **before), steps.transform(X_test)
            fitted.steps[:-1] = steps.steps
    y = np.asarray(y)
    return Samples(X, y, weights, X_seen, y_test, split.score_params, fitted, X_test)


def divided(estimator: Any, params: Metadata) -> tuple[Metadata, Any]:
    """Splits fit's arguments besides X and y: those of earlier steps, and the last one's weights.

    Without metadata routing, weights go to the last step, with or without its name as a prefix.

    Raises:
        TypeError: there are other arguments than weights.
    """
    before: Metadata = {}
    given, name = dict(params), ""
    if isinstance(estimator, Pipeline):
        name = estimator.steps[-1][0]
    if _routing_enabled() and given and isinstance(estimator, Pipeline):
        routed = process_routing(estimator, "fit", **given)
        if len(estimator) > 1:
            asked = get_routing_for_object(estimator[:-1]).consumes("fit_transform", given)
            before = {key: given[key] for key in asked}
        given = dict(routed[name].fit)
    weights = given.pop(WEIGHTS, None)
    own = given.pop(f"{name}__{WEIGHTS}", None)
    if given:
        raise TypeError(f"{min(given)}: fit takes {WEIGHTS} and groups")
    weights = own if weights is None else weights
    return before, None if weights is None else np.asarray(weights)


def takes_weights(estimator: Any, name: str) -> bool:
    """Whether a method, fit or partial_fit, takes weights; a fit with **kwargs does, too."""
    known = signature(getattr(estimator, name)).parameters
    kinds = [own.kind for own in known.values()]
    return WEIGHTS in known or (name == "fit" and Parameter.VAR_KEYWORD in kinds)


def steps_before(estimator: Any) -> str:
    """A key that pipelines share if they transform samples equally; "" without earlier steps."""
    if not isinstance(estimator, Pipeline) or len(estimator) == 1:
        return ""
    return fingerprint([fingerprint(step) for _, step in estimator.steps[:-1]])


def fingerprint(value: Any) -> str:
    """A text that only equal values share."""
    try:
        return str(joblib.hash(value))
    except (PicklingError, AttributeError, TypeError):
        pass  # something in it cannot be pickled, such as a lambda
    if isinstance(value, BaseEstimator):
        value = [type(value), *sorted(value.get_params(deep=False).items())]
    if isinstance(value, list | tuple):
        return fingerprint([fingerprint(part) for part in value])
    return repr(value)  # a function, identified by its address, which clones share


class PooledTraining(CandidateTraining):
    """Trains candidates in processes; a context manager, because it owns the processes."""

    def __enter__(self) -> Self:
        self.pool = joblib.Parallel(n_jobs=self.jobs)
        self.pool.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.__exit__(*error)
