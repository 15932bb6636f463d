"""Scores with a short name, written out here because importing scikit-learn takes seconds.

Each returns what scikit-learn's scorer returns for the same task, weights included. Its parameter
names say what it needs: `truth` and `guess`, (n, classes or labels) booleans, with one column for
two classes, true for the positive one; `ranking`, of the same shape, the values that rank rows for
a class or label; or `actual` and `predicted`, (n, outputs) numbers. `weights` is (n,).
"""

import numpy as np

Array = np.ndarray


def accuracy(truth: Array, guess: Array, weights: Array) -> float:
    """Share of the rows with all labels right.

    >>> accuracy(np.array([[True], [False]]), np.array([[True], [True]]), np.ones(2))
    0.5
    """
    return float(np.average((truth == guess).all(axis=1), weights=weights))


def balanced_accuracy(truth: Array, guess: Array, weights: Array) -> float:
    """Mean recall over the classes that occur."""
    if truth.shape[1] == 1:
        truth, guess = np.hstack([truth, ~truth]), np.hstack([guess, ~guess])
    occurring = weights @ truth
    found = weights @ (truth & guess)
    return float(np.mean(found[occurring > 0] / occurring[occurring > 0]))


def f1(truth: Array, guess: Array, weights: Array) -> float:
    """2 true positives / (actual + predicted positives); 0 without true positives.

    For the positive one of two classes, or the mean over classes that occur or are predicted.
    """
    hits = weights @ (truth & guess)
    total = weights @ truth + weights @ guess
    return float(np.mean(2 * hits[total > 0] / total[total > 0])) if (total > 0).any() else 0.0


def roc_auc(truth: Array, ranking: Array, weights: Array) -> float:
    """Area under the ROC curve.

    For the positive one of two classes, or the mean over all classes or labels, each against the
    rest; those of no row or of all rows are left out.
    """
    areas = []
    for positive, scores in zip(truth.T, ranking.T, strict=True):
        hits, alarms = _counts(positive, scores, weights)
        if hits[-1] > 0 and alarms[-1] > 0:
            hits, alarms = (np.append(0.0, counts) / counts[-1] for counts in (hits, alarms))
            areas.append(np.trapezoid(hits, alarms))
    return float(np.mean(areas)) if areas else float("nan")


def average_precision(truth: Array, ranking: Array, weights: Array) -> float:
    """Mean precision, weighted by increases in recall; over classes or labels as in `roc_auc`."""
    means = []
    for positive, scores in zip(truth.T, ranking.T, strict=True):
        hits, alarms = _counts(positive, scores, weights)
        if hits[-1] > 0:
            with np.errstate(invalid="ignore"):  # only rows of weight 0 so far
                precision = np.nan_to_num(hits / (hits + alarms))
            means.append(np.diff(hits, prepend=0.0) @ precision / hits[-1])
    return float(np.mean(means)) if means else float("nan")


def _counts(positive: Array, scores: Array, weights: Array) -> tuple[Array, Array]:
    """True and false positives at each threshold, the highest first."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    hits = np.cumsum(np.where(positive[order], weights[order], 0.0))
    alarms = np.cumsum(np.where(positive[order], 0.0, weights[order]))
    return hits[last], alarms[last]


def r2(actual: Array, predicted: Array, weights: Array) -> float:
    """1 - squared error / variance, the mean over outputs.

    For a constant output it is 1 without error and 0 with any error.
    """
    error = weights @ np.square(actual - predicted)
    spread = weights @ np.square(actual - np.average(actual, axis=0, weights=weights))
    constant = np.where(error == 0, 1.0, 0.0)
    shares = np.divide(error, spread, out=1 - constant, where=spread > 0)
    return float(np.mean(1 - shares))


def mae(actual: Array, predicted: Array, weights: Array) -> float:
    """Mean absolute error, in the unit of the targets; the mean over outputs."""
    return float(np.average(np.abs(actual - predicted), axis=0, weights=weights).mean())


def rmse(actual: Array, predicted: Array, weights: Array) -> float:
    """Root of the mean squared error, in the unit of the targets; the mean over outputs."""
    squares = np.average(np.square(actual - predicted), axis=0, weights=weights)
    return float(np.sqrt(squares).mean())


# Scores where less is better.
ERRORS = (mae, rmse)
