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

# What fit or a scorer gets of samples beside X and y, by name.
Metadata = Mapping[str, Any]

# Parameters of scikit-learn's that are a learning rate, and one too small to train.
RATES, STILL = ("eta0", "learning_rate_init"), 1e-300


@dataclass(frozen=True)
class Samples:
    """A fold of a search, as the last step of a candidate sees it.

    Attributes:
        X, y, weights: to train on; the weights (samples,), or None for equal ones.
        X_test, y_test: to be judged by.
        score_params: what a scorer gets of them besides, as sample_weight.
        pipeline: the candidate, its steps before the last fitted to X; None if there are none.
        X_raw: X_test as it is before any step.
        fit_params: what fit gets besides X and y, if it is fit that is called.
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


# Judges an estimator that was trained on the fold.
Scorer = Callable[[Any, Samples], Judged]


class PartialFitRunner(OneByOne):
    """Trains each estimator alone, several at once over processes.

    The training loss is 1 less the estimator's own score (accuracy or R2) on what it trains on, by
    its weights. That of regressors is guarded; it starts where nothing is learned yet. That of
    classifiers is not: an accuracy cannot explode, and of an estimator that learns slowly it stays
    for long below that of the most frequent class. What an estimator raises in training is kept,
    and its row leaves. A state is restored by training again, for estimators of others cannot be
    kept without pickle; the order of the samples of an epoch is that of the seed, so what does not
    draw by itself ends at the same numbers.

    Args:
        estimators: by row, not fitted.
        samples: by row.
        scorer: judges an estimator on the samples kept from it.
        seed: of the order of the samples.
        pool: runs the epochs.
        judgements: takes the scores and the errors.
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
        """Curves (rows,) from training losses, where all estimators have one, and scores."""
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
    """The score of predicting what is most frequent, or the mean; nan where it cannot be judged."""
    if not getattr(scorer, "plain", False):
        return np.nan  # a function gets candidates alone
    kind = DummyClassifier(strategy="prior") if is_classifier(estimator) else DummyRegressor()
    kind.fit(samples.X, samples.y, sample_weight=_counting(samples))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a constant is judged for the curve alone
        try:
            return scorer(kind, samples).rank
        except Exception:  # a scorer may want what a constant has not
            return np.nan


def unlearned(estimator: Any, samples: Samples) -> float:
    """The training loss of a regressor that has learned nothing; nan if its score is not R2.

    That is the loss of predicting zero, where the coefficients of linear ones start: above that of
    the mean, by as much as the mean is away from zero in deviations of y. Weights that are drawn
    may start higher. They are found by a step on one sample with a rate too small to matter, where
    a rate can be set.
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
            except Exception:  # the first epoch will raise it, and tell
                pass
    return max(losses)


def one_epoch(
    estimator: Any, samples: Samples, scorer: Scorer, seed: tuple[int, int], raises: bool = False
) -> Trained:
    """The estimator after one pass over its samples in the order of the seed, and its numbers.

    Args:
        raises: whether what it raises in training is raised here; otherwise it is what the row
            leaves with, as a divergence if its parameters have overflown.
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
    """Whether numbers that an estimator learned are not finite."""
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
    """Whether its own score is accuracy or R2, as a constant prediction has it, too."""
    return hasattr(estimator, "score") and (is_classifier(estimator) or is_regressor(estimator))


def _counting(samples: Samples) -> Any:
    """The weights, or None where none of the samples weighs anything."""
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
