"""Losses: value and gradient together, and the score that people read beside the loss.

A loss is a pair of compiled functions on the scores of one row, (samples, outputs):
`value(scores, y)` returns the sum of the losses over the samples and overwrites the scores with
the gradient of their *mean*; `hits(scores, y)` returns what the samples add to the score.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuner.training.compiling import compiled

Array = np.ndarray


@compiled
def cross_entropy(scores, y):
    """Softmax cross-entropy in nats; y (samples,) holds class indices."""
    one = scores.dtype.type(1)
    scale = one / scores.dtype.type(scores.shape[0])
    total = 0.0
    for sample in range(scores.shape[0]):
        highest = scores[sample, 0]
        for k in range(1, scores.shape[1]):
            highest = max(highest, scores[sample, k])
        normalizer = scores.dtype.type(0)
        true = scores[sample, y[sample]] - highest
        for k in range(scores.shape[1]):
            e = np.exp(scores[sample, k] - highest)
            scores[sample, k] = e
            normalizer += e
        total += np.log(np.float64(normalizer)) - true
        factor = scale / normalizer
        for k in range(scores.shape[1]):
            scores[sample, k] *= factor
        scores[sample, y[sample]] -= scale
    return total


@compiled
def highest_is_true(scores, y):
    """Samples whose highest score is that of their class."""
    correct = 0.0
    for sample in range(scores.shape[0]):
        best = 0
        for k in range(1, scores.shape[1]):
            if scores[sample, k] > scores[sample, best]:
                best = k
        correct += best == y[sample]
    return correct


@compiled
def logistic_loss(scores, y):
    """Binary cross-entropy in nats of one score, the log-odds of class 1; y (samples,) is 0, 1."""
    one = scores.dtype.type(1)
    scale = one / scores.dtype.type(scores.shape[0])
    total = 0.0
    for sample in range(scores.shape[0]):
        s = scores[sample, 0]
        e = np.exp(-abs(s))  # at most 1: nothing overflows
        probability = one / (one + e) if s >= 0 else e / (one + e)
        total += max(s, scores.dtype.type(0)) - s * y[sample] + np.log1p(np.float64(e))
        scores[sample, 0] = (probability - scores.dtype.type(y[sample])) * scale
    return total


@compiled
def sign_is_true(scores, y):
    """Samples whose score is above zero just where y is 1."""
    correct = 0.0
    for sample in range(scores.shape[0]):
        correct += (scores[sample, 0] > 0) == (y[sample] == 1)
    return correct


@compiled
def squared_error(scores, y):
    """Half the squared error, summed over outputs as scikit-learn does; y (samples, outputs)."""
    scale = scores.dtype.type(1) / scores.dtype.type(scores.shape[0])
    total = 0.0
    for sample in range(scores.shape[0]):
        for output in range(scores.shape[1]):
            error = scores[sample, output] - y[sample, output]
            total += 0.5 * np.float64(error) * np.float64(error)
            scores[sample, output] = error * scale
    return total


@compiled
def squared_distance(scores, y):
    """Sum of squared errors."""
    total = 0.0
    for sample in range(scores.shape[0]):
        for output in range(scores.shape[1]):
            error = np.float64(scores[sample, output]) - np.float64(y[sample, output])
            total += error * error
    return total


def accuracy(hits: Array, y: Array) -> Array:
    """Share of the samples that are hit."""
    return hits / len(y)


def r2(hits: Array, y: Array) -> Array:
    """1 - squared error / variance, over all outputs together; of constant targets as scikit-learn
    has it: 1 for no error, 0 for any."""
    spread = float(np.square(y - y.mean(axis=0), dtype=np.float64).sum())
    if spread == 0.0:
        return np.where(hits == 0.0, 1.0, 0.0)
    return 1.0 - hits / spread


@dataclass(frozen=True)
class Loss:
    """A loss, its hits, and the score (rows,) of a part from the hits of all its samples."""

    value: Any
    hits: Any
    score: Callable[[Array, Array], Array]


LOSSES = {
    "binary": Loss(logistic_loss, sign_is_true, accuracy),
    "multiclass": Loss(cross_entropy, highest_is_true, accuracy),
    "regression": Loss(squared_error, squared_distance, r2),
}
