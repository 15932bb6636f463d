"""Estimators with partial_fit as a runner: any of scikit-learn's kind, one epoch at a time."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils import _safe_indexing

from tuner.files import read_json
from tuner.search.runner import Progress, Row, Runner

Array = np.ndarray

# From a fitted estimator, X and y to a number, the greater the better.
Scorer = Callable[[Any, Any, Any], float]

SAVED = "epoch.json"


@dataclass(frozen=True)
class Samples:
    """A fold of a search.

    Attributes:
        X, y, weights: to train on; the weights (samples,), or None for equal ones.
        X_test, y_test: to be judged by.
    """

    X: Any
    y: Any
    weights: Any
    X_test: Any
    y_test: Any


class PartialFitRunner(Runner):
    """Trains each estimator alone, several at once over processes.

    The training loss is 1 less the estimator's own score (accuracy or R2) on what it trains on;
    before the first epoch it is that of a constant prediction. A state is restored by training
    again, for estimators of others cannot be kept without pickle; the order of the samples of an
    epoch is that of the seed, so what does not draw by itself ends at the same numbers.

    Args:
        estimators: by row, not fitted.
        samples: by row.
        scorer: judges an estimator on the samples kept from it.
        seed: of the order of the samples.
        pool: runs the epochs.
    """

    def __init__(
        self,
        estimators: Mapping[Row, Any],
        samples: Mapping[Row, Samples],
        scorer: Scorer,
        seed: int,
        pool: Parallel,
    ) -> None:
        self.fitted, self.samples = dict(estimators), samples
        self.scorer, self.seed, self.pool = scorer, seed, pool
        self.epochs = 0

    @property
    def rows(self) -> list[Row]:
        return list(self.fitted)

    @property
    def steps(self) -> int:
        return 1

    @property
    def momentum(self) -> Array:
        return np.zeros(len(self.fitted))

    def start(self) -> Mapping[str, Array]:
        return _metrics(
            [constant(own, self.samples[row], self.scorer) for row, own in self.fitted.items()]
        )

    def epoch(self, epoch: int) -> Progress:
        done = self.pool(
            delayed(one_epoch)(own, self.samples[row], self.scorer, (self.seed, epoch))
            for row, own in self.fitted.items()
        )
        self.fitted = dict(zip(self.fitted, (estimator for estimator, _ in done), strict=True))
        self.epochs = epoch
        metrics = _metrics([numbers for _, numbers in done])
        left = ~np.isfinite(metrics["train_loss"]) | ~np.isfinite(metrics["validation_score"])
        rows = len(self.fitted)
        return Progress(metrics, left, np.full(rows, float(epoch)), np.zeros(rows))

    def keep(self, trials: Collection[int]) -> None:
        self.fitted = {row: own for row, own in self.fitted.items() if row.trial in trials}

    def save(self, folder: Path) -> None:
        state = {"epochs": self.epochs, "rows": self.rows}
        (folder / SAVED).write_text(json.dumps(state), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        state = read_json(folder / SAVED)
        rows = {Row(*row) for row in state["rows"]}
        if not rows <= self.fitted.keys():
            raise ValueError(f"{folder}: holds other trials than these")
        self.fitted = {row: clone(own) for row, own in self.fitted.items() if row in rows}
        for epoch in range(1, state["epochs"] + 1):
            self.epoch(epoch)


def _metrics(results: Sequence[tuple[float, float]]) -> dict[str, Array]:
    """Curves (rows,) from training losses and scores."""
    losses, scores = np.array(results, dtype=np.float64).reshape(-1, 2).T
    return {"train_loss": losses, "validation_loss": -scores, "validation_score": scores}


def constant(estimator: Any, samples: Samples, scorer: Scorer) -> tuple[float, float]:
    """Training loss and score of predicting what is most frequent, or the mean."""
    kind = DummyClassifier(strategy="prior") if is_classifier(estimator) else DummyRegressor()
    kind.fit(samples.X, samples.y, sample_weight=samples.weights)
    try:
        score = float(scorer(kind, samples.X_test, samples.y_test))
    except (AttributeError, ValueError):
        score = np.nan  # a scorer may want what a constant has not
    return 1.0 - kind.score(samples.X, samples.y), score


def one_epoch(
    estimator: Any, samples: Samples, scorer: Scorer, seed: tuple[int, int]
) -> tuple[Any, tuple[float, float]]:
    """The estimator after one pass over its samples in the order of the seed, and its numbers.

    What an estimator refuses in training, as it does when its parameters overflow, is a divergence:
    both numbers are nan.

    Raises:
        TypeError: for a parameter that is none, which is the user's mistake.
    """
    try:
        with np.errstate(all="ignore"):
            train(estimator, samples, seed)
            loss = 1.0 - float(estimator.score(samples.X, samples.y))
            return estimator, (loss, float(scorer(estimator, samples.X_test, samples.y_test)))
    except (ValueError, FloatingPointError) as error:
        if isinstance(error, TypeError):  # as scikit-learn's InvalidParameterError is
            raise
        return estimator, (np.nan, np.nan)


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
