"""Losses: value and gradient of a mean over samples, for a population of scores.

Every loss has the same three methods. Scores have the shape (rows, samples, outputs).
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from tuner.training import kernels

Array = np.ndarray


class Loss(ABC):
    """A loss and the score that people read beside it."""

    name: ClassVar[str]
    score_name: ClassVar[str]

    @abstractmethod
    def value_and_gradient(self, scores: Array, y: Array) -> Array:
        """Sum of the losses over the samples: (rows,), float64.

        The scores are overwritten with the gradient of the *mean* loss.
        """

    @abstractmethod
    def hits(self, scores: Array, y: Array) -> Array:
        """What a batch adds to the score's numerator: (rows,), float64."""

    def score(self, hits: Array, y: Array) -> Array:
        """The score of a whole part from the sum of its batches' hits: (rows,)."""
        return hits / len(y)


class CrossEntropy(Loss):
    """Softmax cross-entropy in nats; y holds class indices; the score is accuracy."""

    name = "cross_entropy"
    score_name = "accuracy"

    def value_and_gradient(self, scores: Array, y: Array) -> Array:
        rows = len(scores)
        log_likelihoods, log_sums = np.zeros(rows), np.zeros(rows)
        kernels.shift_by_maximum(scores)
        kernels.true_scores(scores, y, log_likelihoods)
        np.exp(scores, out=scores)
        kernels.normalize_softmax(scores, y, log_sums)
        return log_sums - log_likelihoods

    def hits(self, scores: Array, y: Array) -> Array:
        correct = np.zeros(len(scores))
        kernels.count_highest(scores, y, correct)
        return correct


class LogisticLoss(Loss):
    """Binary cross-entropy in nats of one score, the log-odds of class 1; the score is accuracy."""

    name = "logistic"
    score_name = "accuracy"

    def value_and_gradient(self, scores: Array, y: Array) -> Array:
        losses = np.zeros(len(scores))
        kernels.logistic_loss(scores, y, losses)
        return losses

    def hits(self, scores: Array, y: Array) -> Array:
        correct = np.zeros(len(scores))
        kernels.count_signs(scores, y, correct)
        return correct


class SquaredError(Loss):
    """Half the squared error, summed over outputs, as scikit-learn's MLPRegressor; the score is R2.

    y: (samples, outputs). R2 is taken over all outputs together, weighted by their variances.
    """

    name = "squared_error"
    score_name = "r2"

    def value_and_gradient(self, scores: Array, y: Array) -> Array:
        losses = np.zeros(len(scores))
        kernels.squared_error(scores, y, losses)
        return losses

    def hits(self, scores: Array, y: Array) -> Array:
        errors = np.zeros(len(scores))
        kernels.squared_error(scores.copy(), y, errors)
        return errors

    def score(self, hits: Array, y: Array) -> Array:
        spread = float(np.square(y - y.mean(axis=0), dtype=np.float64).sum())
        return 1.0 - 2.0 * hits / spread


def of_task(task: str) -> Loss:
    """The loss of a task: binary, multiclass or regression."""
    losses: dict[str, Loss] = {
        "binary": LogisticLoss(),
        "multiclass": CrossEntropy(),
        "regression": SquaredError(),
    }
    return losses[task]
