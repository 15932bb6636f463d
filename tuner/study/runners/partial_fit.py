"""A runner for scikit-learn estimators with partial_fit, one epoch at a time."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from traceback import format_exc
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import RegressorMixin, clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils import _safe_indexing

from tuner.search.runner import Progress, Row
from tuner.study.judgements import Judged, Judgements
from tuner.study.one_by_one import OneByOne, Trained

Array = np.ndarray

# What fit or a scorer gets besides X and y, by name.
Metadata = Mapping[str, Any]

# scikit-learn's parameters for a learning rate, and a rate too small to change anything.
RATES, STILL = ("eta0", "learning_rate_init"), 1e-300


@dataclass(frozen=True)
class Samples:
    """A fold of a search, as the last step of a candidate sees it.

    Attributes:
        X, y, weights: to train on; weights (samples,), or None for equal ones.
        X_test, y_test: to judge by.
        score_params: what a scorer gets besides them, such as sample_weight.
        pipeline: the candidate with all steps but the last fitted to X; None without such steps.
        X_raw: X_test before any step.
        fit_params: what fit gets besides X and y, if fit is called.
    """

    X: Any
    y: Any
    weights: Any
    X_test: Any
    y_test: Any
    score_params: Metadata = field(default_factory=dict)
    pipeline: Any = None
    X_raw: Any = None
    fit_params: Metadata = field(default_factory=dict)


# Judges an estimator trained on a fold.
Scorer = Callable[[Any, Samples], Judged]


class PartialFitRunner(OneByOne):
    """Trains each estimator alone, several in parallel processes.

    The training loss is 1 minus the estimator's own weighted score (accuracy or R2) on its training
    samples. The guard against divergence watches it for regressors, starting from an unlearned
    model. It does not for classifiers: an accuracy cannot explode, and a slow learner may stay
    below the accuracy of the most frequent class for long. If an estimator raises an error in
    training, the error is kept and its row leaves.

    A state is restored by training again, because estimators of other libraries cannot be saved
    without pickle. The seed determines the order of the samples, so estimators that draw no random
    numbers of their own end at the same numbers.

    Args:
        estimators: unfitted estimators by row.
        samples: the samples by row.
        scorer: judges an estimator on held-out samples.
        seed: the seed of the order of the samples.
        pool: runs the epochs.
        judgements: receives the scores and the errors.
        raises: whether errors in training are raised.
    """

    def __init__(
        self,
        estimators: Mapping[Row, Any],
        samples: Mapping[Row, Samples],
        scorer: Scorer,
        seed: int,
        pool: Parallel,
        judgements: Judgements,
        raises: bool = False,
    ) -> None:
        super().__init__(estimators, pool, judgements, raises)
        self.samples, self.scorer, self.seed = samples, scorer, seed

    def start(self) -> Mapping[str, Array]:
        own = [(estimator, self.samples[row]) for row, estimator in self.own.items()]
        scores = [constant(*known, self.scorer) for known in own]
        metrics = self.metrics([(np.nan, score) for score in scores])
        if metrics.pop("train_loss", None) is not None and all(is_regressor(k) for k, _ in own):
            metrics["train_loss"] = np.array([unlearned(*known) for known in own], np.float64)
        return metrics

    def metrics(self, results: Sequence[tuple[float, float]]) -> dict[str, Array]:
        """Metrics (rows,) from scores and, if all estimators have one, from training losses."""
        losses, scores = np.array(results, dtype=np.float64).reshape(-1, 2).T
        known = all(_has_loss(own) for own in self.own.values())
        curves = {"train_loss": losses} if known else {}
        return {**curves, "validation_loss": -scores, "validation_score": scores}

    def epoch(self, epoch: int) -> Progress:
        done: list[Trained] = self.pool(
            delayed(one_epoch)(own, self.samples[row], self.scorer, (self.seed, epoch), self.raises)
            for row, own in self.own.items()
        )
        self.take(done, epoch)
        return self.progress(self.metrics([(own.loss, own.judged.rank) for own in done]), done)

    def restore(self, folder: Path) -> None:
        for epoch in range(1, self.saved(folder) + 1):
            self.epoch(epoch)


def constant(estimator: Any, samples: Samples, scorer: Scorer) -> float:
    """The score of a constant: the most frequent class or the mean; NaN if it cannot be scored."""
    if not getattr(scorer, "plain", False):
        return np.nan  # a user's scorer gets only candidates
    kind = DummyClassifier(strategy="prior") if is_classifier(estimator) else DummyRegressor()
    kind.fit(samples.X, samples.y, sample_weight=_counting(samples))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # only the start of the curve needs it
        try:
            return scorer(kind, samples).rank
        except Exception:  # a scorer may need more than a constant has
            return np.nan


def unlearned(estimator: Any, samples: Samples) -> float:
    """The training loss of an unlearned regressor; NaN if its score is not R2.

    It is the loss of predicting zero, where linear coefficients start. It exceeds the loss of
    predicting the mean by the square of mean / standard deviation of y. Random initial weights may
    start higher: if the estimator has a learning rate, they are found by a step on one sample with
    a rate too small to change anything.
    """
    if getattr(type(estimator), "score", None) is not RegressorMixin.score:
        return np.nan
    zero = DummyRegressor(strategy="constant", constant=np.zeros(np.shape(samples.y)[1:]))
    losses = [_loss(zero.fit(samples.X, samples.y), samples)]
    known = estimator.get_params(deep=False)
    rates = [name for name in RATES if name in known]
    if rates:
        still = [*((name, STILL) for name in rates), ("learning_rate", "constant")]
        given = {name: value for name, value in still if name in known}
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                own = clone(estimator).set_params(**given)
                own.partial_fit(_safe_indexing(samples.X, [0]), np.asarray(samples.y)[:1])
                losses.append(_loss(own, samples))
            except Exception:  # the first epoch will raise and report it
                pass
    return max(losses)


def one_epoch(
    estimator: Any, samples: Samples, scorer: Scorer, seed: tuple[int, int], raises: bool = False
) -> Trained:
    """Trains an estimator for one pass over its samples, in the order of the seed, and judges it.

    Args:
        raises: whether an error in training is raised here. Otherwise the row leaves with it, as
            diverged if its parameters have overflowed.
    """
    nothing = Judged(np.nan)
    try:
        with np.errstate(all="ignore"):
            train(estimator, samples, seed)
            loss = _loss(estimator, samples) if _has_loss(estimator) else np.nan
    except Exception:
        if raises:
            raise
        return Trained(estimator, np.nan, nothing, format_exc(), overflown(estimator))
    if overflown(estimator):
        return Trained(estimator, np.nan, nothing, "its parameters are not finite", True)
    return Trained(estimator, loss, scorer(estimator, samples))


def overflown(estimator: Any) -> bool:
    """Whether any learned number of an estimator is not finite."""
    learned = [
        part
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_")
        for part in (value if isinstance(value, list) else [value])
    ]
    return any(
        isinstance(part, np.ndarray)
        and np.issubdtype(part.dtype, np.floating)
        and not np.isfinite(part).all()
        for part in learned
    )


def _has_loss(estimator: Any) -> bool:
    """Whether its own score is accuracy or R2, which a constant prediction has as well."""
    return hasattr(estimator, "score") and (is_classifier(estimator) or is_regressor(estimator))


def _counting(samples: Samples) -> Any:
    """The weights; None if all of them are zero."""
    return samples.weights if samples.weights is not None and np.any(samples.weights) else None


def _loss(estimator: Any, samples: Samples) -> float:
    weights = _counting(samples)
    more = (
        {"sample_weight": weights}
        if "sample_weight" in signature(estimator.score).parameters
        else {}
    )
    return 1.0 - float(estimator.score(samples.X, samples.y, **more))


def train(estimator: Any, samples: Samples, seed: tuple[int, int]) -> None:
    """One pass of partial_fit, in the order of the seed.

    Raises:
        TypeError: if samples have weights and the estimator's partial_fit takes none.
    """
    order = np.random.default_rng(seed).permutation(len(samples.y))
    known = signature(estimator.partial_fit).parameters
    more: dict[str, Any] = {}
    if "classes" in known:
        more["classes"] = np.unique(samples.y)
    if samples.weights is not None:
        if "sample_weight" not in known:
            name = type(estimator).__name__
            raise TypeError(f"sample_weight: {name}.partial_fit takes none: leave it out")
        more["sample_weight"] = np.asarray(samples.weights)[order]
    estimator.partial_fit(_safe_indexing(samples.X, order), samples.y[order], **more)
