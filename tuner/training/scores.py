"""Scores: reported with a loss, computed from sums over the samples of a part.

A compiled `hits(scores, y, weights)` returns the weighted sum over some samples. A second function
turns the sum over all samples of a part into its score. Arrays are as in tuner.training.losses.
"""

import numpy as np

Array = np.ndarray


def total_weight(weights: Array, y: Array) -> float:
    """The sum of the weights of a part; weights of shape (0,) mean that all are 1."""
    return float(weights.sum(dtype=np.float64)) if len(weights) else float(len(y))


def accuracy(hits: Array, y: Array, weights: Array) -> Array:
    """Weighted share of the samples predicted correctly; with several labels, all must be right.

    Args:
        hits: (rows,) weights of the correct samples, summed over a part.
        y, weights: those of the part, shared by all rows.

    Returns:
        Scores, (rows,).
    """
    return hits / total_weight(weights, y)


def r2(hits: Array, y: Array, weights: Array) -> Array:
    """1 - squared error / variance, over all outputs together.

    For constant targets it is, as in scikit-learn, 1 without error and 0 with any error.

    Args:
        hits: (rows,) squared errors, summed over a part by weight.
        y, weights: those of the part, shared by all rows.

    Returns:
        Scores, (rows,).
    """
    own = weights.astype(np.float64) if len(weights) else np.ones(len(y))
    mean = own @ y / own.sum()
    spread = float(own @ np.square(y - mean, dtype=np.float64).sum(axis=1))
    if spread == 0.0:
        return np.where(hits == 0.0, 1.0, 0.0)
    return 1.0 - hits / spread


def coverage(hits: Array, y: Array, weights: Array) -> Array:
    """Share of the targets at or below their prediction; for a good quantile it equals its level.

    Args:
        hits: (rows,) such targets, counted over a part by weight.
        y, weights: those of the part, shared by all rows.

    Returns:
        Scores, (rows,).
    """
    share: Array = hits / (total_weight(weights, y) * y.shape[1])
    return share


def class_is_true(scores, y, weights):
    """Weight of samples whose highest score is of their class; a single score counts by sign."""
    correct = 0.0
    for sample in range(scores.shape[0]):
        best = 0
        if scores.shape[1] == 1:
            best = 1 if scores[sample, 0] > 0 else 0
        for k in range(1, scores.shape[1]):
            if scores[sample, k] > scores[sample, best]:
                best = k
        if best == y[sample, 0]:
            correct += weights[sample] if weights.shape[0] > 0 else 1.0
    return correct


def signs_are_true(scores, y, weights):
    """Weight of samples whose scores are above zero exactly where y is 1."""
    correct = 0.0
    for sample in range(scores.shape[0]):
        right = True
        for output in range(scores.shape[1]):
            right = right and (scores[sample, output] > 0) == (y[sample, output] == 1)
        if right:
            correct += weights[sample] if weights.shape[0] > 0 else 1.0
    return correct


def squared_distance(scores, y, weights):
    """Sum of squared errors."""
    total = 0.0
    for sample in range(scores.shape[0]):
        own = 0.0
        for output in range(scores.shape[1]):
            error = np.float64(scores[sample, output]) - np.float64(y[sample, output])
            own += error * error
        total += own * weights[sample] if weights.shape[0] > 0 else own
    return total


def squared_distance_of_means(scores, y, weights):
    """Sum of squared errors of predictions whose logarithms are the scores."""
    total = 0.0
    for sample in range(scores.shape[0]):
        own = 0.0
        for output in range(scores.shape[1]):
            error = np.exp(np.float64(scores[sample, output])) - np.float64(y[sample, output])
            own += error * error
        total += own * weights[sample] if weights.shape[0] > 0 else own
    return total


def not_above(scores, y, weights):
    """Weight of targets at or below their score."""
    total = 0.0
    for sample in range(scores.shape[0]):
        own = 0.0
        for output in range(scores.shape[1]):
            own += y[sample, output] <= scores[sample, output]
        total += own * weights[sample] if weights.shape[0] > 0 else own
    return total
