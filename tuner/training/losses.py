"""Losses: value and gradient together, and the score that is reported with the loss.

A loss is a compiled function on the scores of one row, (samples, outputs),

    loss(scores, y, weights, mass, <number>) -> total

that returns the weighted sum of the losses of the samples and overwrites the scores with the
gradient of total / mass, where mass is above 0. y is (samples, 1) int64 classes, or (samples,
outputs) of the dtype of the scores; weights (samples,), or (0,) where all are 1. The last argument
is the loss's own hyperparameter, such as delta, if it is annotated; each row has its own value.

The score that goes with a loss comes from tuner.training.scores. Losses are found by their names in
this file, as optimizers are in their folder.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from tuner.training.domains import Fraction, Hyperparameter, OpenFraction, Positive, hyperparameters
from tuner.training.scores import (
    accuracy,
    class_is_true,
    coverage,
    not_above,
    r2,
    signs_are_true,
    squared_distance,
    squared_distance_of_means,
)  # fmt: skip

Array = np.ndarray

TASKS = ("binary", "multiclass", "multilabel", "regression")

# Bound when a loss is compiled; see kernels.elementary.
exponentials: Any = None


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss, its tasks, and the score that goes with it.

    Attributes:
        name: the name of its function.
        rule: the function of its value and gradient, to be compiled.
        counting: the function that counts its hits, to be compiled.
        score: the score (rows,) of a part, from the summed hits (rows,) of its samples, y and
            weights.
        tasks: the tasks that it can learn, some of TASKS.
        own: its own hyperparameter by name, if it has one.
        only_in_training: whether evaluations use that hyperparameter's default, so that trials are
            comparable.
        standardise: whether targets may be standardised.
        lowest: the lowest target that it allows.
    """

    name: str
    rule: Callable[..., Any]
    counting: Callable[..., Any]
    score: Callable[[Array, Array, Array], Array]
    tasks: tuple[str, ...]
    own: Mapping[str, Hyperparameter]
    only_in_training: bool = False
    standardise: bool = True
    lowest: float = -np.inf

    def __reduce__(self) -> tuple[Callable[[str], "Loss"], tuple[str]]:
        """Pickled by its name."""
        return load, (self.name,)

    @cached_property
    def value(self) -> Any:
        """The rule, compiled."""
        return _compiled(self.rule)

    @cached_property
    def hits(self) -> Any:
        """The function that counts hits, compiled."""
        return _compiled(self.counting)

    def numbers(self, settings: Sequence[Mapping[str, float]]) -> Array:
        """The value of its own hyperparameter for each row.

        Args:
            settings: each row's settings of model and loss, by name; missing ones have their
                defaults.

        Returns:
            The values, (rows,); zeros for a loss without a hyperparameter.
        """
        out = np.zeros(len(settings))
        for name, hyperparameter in self.own.items():
            out[:] = [row.get(name, hyperparameter.default) for row in settings]
        return out

    def outputs(self, task: str, targets: int) -> int:
        """Number of scores per sample: 1 for two classes, else one per class, label or target.

        Args:
            task: one of TASKS.
            targets: number of classes, labels or targets.

        Raises:
            ValueError: the loss does not fit that task.
        """
        if task not in self.tasks:
            raise ValueError(f"{self.name} is for {', '.join(self.tasks)}, not for {task}")
        return 1 if task == "binary" else targets


@cache
def _compiled(function: Callable[..., Any]) -> Any:
    # Imported late: a config only names losses, and must not wait for numba.
    from tuner.training.kernels.compiling import specialised
    from tuner.training.kernels.elementary import exponentials

    return specialised(function, exponentials=exponentials)


def names() -> list[str]:
    """Names of all losses."""
    return [name for name, thing in vars(sys.modules[__name__]).items() if isinstance(thing, Loss)]


def load(name: str) -> Loss:
    """The loss of that name.

    Raises:
        KeyError: no loss has that name.
    """
    if name not in names():
        raise KeyError(name)
    loss: Loss = getattr(sys.modules[__name__], name)
    return loss


def fitting(task: str) -> list[str]:
    """Names of the losses for a task; the first is the usual one."""
    return [name for name in names() if task in load(name).tasks]


def _loss(hits: Any, score: Any, *tasks: str, **more: Any) -> Callable[[Any], Loss]:
    """A decorator that makes a Loss of its function."""

    def made(function: Any) -> Loss:
        own = hyperparameters(function)
        return Loss(function.__name__, function, hits, score, tasks, own, **more)

    return made


@_loss(class_is_true, accuracy, "multiclass", only_in_training=True)
def cross_entropy(scores, y, weights, mass, label_smoothing: Fraction = 0.0):
    """Softmax cross-entropy in nats.

    Args:
        scores, y, weights, mass: see the top of this file; the scores of a sample are
            log-probabilities up to a constant.
        label_smoothing: e; the target is 1 - e + e/K for the class and e/K for the others (Szegedy
            et al. 2016, section 7). Evaluations do not smooth.

    Returns:
        The weighted sum of the losses.
    """
    kind = scores.dtype.type
    one, smoothing = kind(1), kind(label_smoothing)
    spread = smoothing / kind(scores.shape[1])
    weighted = weights.shape[0] > 0
    scale = one / kind(mass)
    total = 0.0
    for sample in range(scores.shape[0]):
        w = weights[sample] if weighted else one
        highest = scores[sample, 0]
        for k in range(1, scores.shape[1]):
            highest = max(highest, scores[sample, k])
        true = scores[sample, y[sample, 0]] - highest
        if smoothing > 0:
            others = kind(0)
            for k in range(scores.shape[1]):
                others += scores[sample, k] - highest
            true = (one - smoothing) * true + spread * others
        total -= true * w
        for k in range(scores.shape[1]):
            scores[sample, k] -= highest
    exponentials(scores.reshape(scores.size))
    for sample in range(scores.shape[0]):
        w = weights[sample] if weighted else one
        normalizer = kind(0)
        for k in range(scores.shape[1]):
            normalizer += scores[sample, k]
        total += np.log(np.float64(normalizer)) * w
        factor = w * scale / normalizer
        for k in range(scores.shape[1]):
            scores[sample, k] *= factor
        scores[sample, y[sample, 0]] -= (one - smoothing) * w * scale
        if smoothing > 0:
            for k in range(scores.shape[1]):
                scores[sample, k] -= spread * w * scale
    return total


@_loss(signs_are_true, accuracy, "binary", "multilabel", only_in_training=True)
def logistic(scores, y, weights, mass, label_smoothing: Fraction = 0.0):
    """Binary cross-entropy in nats, summed over the labels; a score is the log-odds of a 1.

    Args:
        scores, y, weights, mass: see the top of this file; y is 0 or 1.
        label_smoothing: e; the targets are 1 - e/2 and e/2. Evaluations do not smooth.

    Returns:
        The weighted sum of the losses.
    """
    kind = scores.dtype.type
    one, smoothing = kind(1), kind(label_smoothing)
    weighted = weights.shape[0] > 0
    scale = one / kind(mass)
    total = 0.0
    for sample in range(scores.shape[0]):
        w = weights[sample] if weighted else one
        own = 0.0
        for output in range(scores.shape[1]):
            s = scores[sample, output]
            target = kind(y[sample, output]) * (one - smoothing) + smoothing / kind(2)
            e = np.exp(-abs(s))  # at most 1: nothing overflows
            probability = one / (one + e) if s >= 0 else e / (one + e)
            own += max(s, kind(0)) - s * target + np.log1p(np.float64(e))
            scores[sample, output] = (probability - target) * (w * scale)
        total += own * w
    return total


@_loss(class_is_true, accuracy, "binary", "multiclass")
def hinge(scores, y, weights, mass, _):
    """max(0, 1 - side * score), summed over the outputs; side is 1 for the class, -1 otherwise.

    Two classes have one score; more classes are one against the rest, as in scikit-learn's
    SGDClassifier.
    """
    kind = scores.dtype.type
    one, weighted = kind(1), weights.shape[0] > 0
    scale = one / kind(mass)
    total = 0.0
    for sample in range(scores.shape[0]):
        w = weights[sample] if weighted else one
        own = 0.0
        for output in range(scores.shape[1]):
            true = y[sample, 0] == (1 if scores.shape[1] == 1 else output)
            side = one if true else -one
            margin = one - side * scores[sample, output]
            inside = not margin <= 0  # nan stays nan
            own += np.float64(margin) if inside else 0.0
            scores[sample, output] = -side * (w * scale) if inside else kind(0)
        total += own * w
    return total


@_loss(class_is_true, accuracy, "binary", "multiclass")
def squared_hinge(scores, y, weights, mass, _):
    """max(0, 1 - side * score)**2, summed over the outputs, with the sides of `hinge`."""
    kind = scores.dtype.type
    one, two, weighted = kind(1), kind(2), weights.shape[0] > 0
    scale = one / kind(mass)
    total = 0.0
    for sample in range(scores.shape[0]):
        w = weights[sample] if weighted else one
        own = 0.0
        for output in range(scores.shape[1]):
            true = y[sample, 0] == (1 if scores.shape[1] == 1 else output)
            side = one if true else -one
            margin = one - side * scores[sample, output]
            margin = kind(0) if margin <= 0 else margin  # nan stays nan
            own += np.float64(margin) * np.float64(margin)
            scores[sample, output] = -two * side * margin * (w * scale)
        total += own * w
    return total


@_loss(squared_distance, r2, "regression")
def squared_error(scores, y, weights, mass, _):
    """Half the squared error, summed over outputs as scikit-learn does."""
    kind = scores.dtype.type
    one, weighted = kind(1), weights.shape[0] > 0
    scale = one / kind(mass)
    total = 0.0
    for sample in range(scores.shape[0]):
        w = weights[sample] if weighted else one
        own = 0.0
        for output in range(scores.shape[1]):
            error = scores[sample, output] - y[sample, output]
            own += 0.5 * np.float64(error) * np.float64(error)
            scores[sample, output] = error * (w * scale)
        total += own * w
    return total


@_loss(squared_distance, r2, "regression")
def huber(scores, y, weights, mass, delta: Positive = 1.35):
    """Half the squared error up to delta, linear beyond (Huber 1964), summed over outputs.

    Args:
        scores, y, weights, mass: see the top of this file.
        delta: in the unit of the targets that training sees, so in standard deviations if targets
            are standardised. It is the epsilon of scikit-learn's HuberRegressor, which estimates
            the scale of the errors instead.

    Returns:
        The weighted sum of the losses.
    """
    kind = scores.dtype.type
    one, bound, weighted = kind(1), kind(delta), weights.shape[0] > 0
    scale = one / kind(mass)
    total = 0.0
    for sample in range(scores.shape[0]):
        w = weights[sample] if weighted else one
        own = 0.0
        for output in range(scores.shape[1]):
            error = scores[sample, output] - y[sample, output]
            size = np.float64(abs(error))
            own += 0.5 * size * size if size <= delta else delta * (size - 0.5 * delta)
            slope = min(max(error, -bound), bound)
            scores[sample, output] = slope * (w * scale)
        total += own * w
    return total


@_loss(not_above, coverage, "regression")
def quantile(scores, y, weights, mass, quantile: OpenFraction = 0.5):
    """The pinball loss (Koenker & Bassett 1978), summed over outputs; it predicts that quantile.

    An error costs its size times `quantile` if the target is above the prediction, else times (1 -
    `quantile`).

    Args:
        scores, y, weights, mass: see the top of this file.
        quantile: the share of targets that should be below the prediction; 0.5 is the median.

    Returns:
        The weighted sum of the losses.
    """
    kind = scores.dtype.type
    one, zero, level, weighted = kind(1), kind(0), kind(quantile), weights.shape[0] > 0
    scale = one / kind(mass)
    total = 0.0
    for sample in range(scores.shape[0]):
        w = weights[sample] if weighted else one
        own = 0.0
        for output in range(scores.shape[1]):
            error = scores[sample, output] - y[sample, output]
            own += np.float64(error) * (1.0 - quantile if error > 0 else -quantile)
            slope = one - level if error > 0 else (-level if error < 0 else zero)
            scores[sample, output] = slope * (w * scale)
        total += own * w
    return total


@_loss(squared_distance_of_means, r2, "regression", standardise=False, lowest=0.0)
def poisson(scores, y, weights, mass, _):
    """exp(score) - y score, over outputs: the negative log-likelihood of counts without log(y!).

    A score is the logarithm of the mean; targets are 0 or more. It is half of scikit-learn's
    mean_poisson_deviance up to a term that depends on the targets only, and so may be negative.
    """
    kind = scores.dtype.type
    one, weighted = kind(1), weights.shape[0] > 0
    scale = one / kind(mass)
    total = 0.0
    for sample in range(scores.shape[0]):
        w = weights[sample] if weighted else one
        own = 0.0
        for output in range(scores.shape[1]):
            s = scores[sample, output]
            mean = np.exp(s)
            own += np.float64(mean) - np.float64(y[sample, output]) * np.float64(s)
            scores[sample, output] = (mean - y[sample, output]) * (w * scale)
        total += own * w
    return total
