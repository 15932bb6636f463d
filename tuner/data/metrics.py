"""Metrics: one number from the raw scores of a part, by a short name or any scikit-learn scorer.

The short names are the functions of tuner.data.scores. A scorer gets a fake estimator that returns
the given scores; for two classes, the second one is positive.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from inspect import getmembers, isfunction, signature
from typing import Any

import numpy as np

from tuner.data import scores as short
from tuner.errors import UserError, did_you_mean
from tuner.training.target_transforms import TargetTransform

Array = np.ndarray
Function = Callable[[Array, Array, Array | None], float]

# Losses whose scores are logarithms of predictions, and losses whose scores are margins. Scores of
# all other losses are predictions, log-odds or log-probabilities.
LOGARITHMS = ("poisson",)
MARGINS = ("hinge", "squared_hinge")


@dataclass(frozen=True)
class Metric:
    """A metric of a part, as `load` returns it.

    Attributes:
        name: a short name, or the name of a scikit-learn scorer.
        function: (scores, y, weights) with raw scores (n, outputs) of the model, y as in a Part,
            weights (n,) or None; returns nan for scores that are not finite.
        greater_is_better: whether a greater value is better.
    """

    name: str
    function: Function
    greater_is_better: bool


@dataclass(frozen=True, eq=False)
class Link:
    """Converts raw scores to predictions, for a task.

    Attributes:
        task: the task.
        shift, scale: (outputs,) for regression: y and scores, times scale, plus shift, are in the
            unit of the raw or transformed targets.
        logarithmic: whether scores are logarithms of predictions.
        probabilistic: whether scores are log-odds, or log-probabilities up to a constant.
        positive: the index of the positive one of two classes; scores are for the second.
        transform: the transform of the raw targets, or None.
    """

    task: str
    shift: Array
    scale: Array
    logarithmic: bool = False
    probabilistic: bool = True
    positive: int = 1
    transform: TargetTransform | None = None

    @property
    def turned(self) -> bool:
        """Whether scores are for the negative class."""
        return self.task == "binary" and self.positive == 0

    def truth(self, y: Array, width: int) -> Array:
        """(n, width) whether each row is of each class or has each label."""
        if self.task == "multiclass":
            return np.asarray(y[:, None] == np.arange(width))
        return np.asarray(y.reshape(len(y), -1) == (0 if self.turned else 1))

    def guess(self, scores: Array) -> Array:
        """(n, width) whether the model predicts each class or label."""
        if self.task == "multiclass":
            return np.asarray(scores.argmax(axis=1)[:, None] == np.arange(scores.shape[1]))
        return np.asarray(scores <= 0 if self.turned else scores > 0)

    def ranking(self, scores: Array) -> Array:
        """(n, width) the values that rank the rows for each class or label.

        For multiclass tasks these are probabilities, if scores allow them.
        """
        if self.task == "multiclass":
            return self.probabilities(scores)
        return -scores if self.turned else scores

    def probabilities(self, scores: Array) -> Array:
        """(n, width) probabilities of each class or label; scores that are not probabilistic
        unchanged."""
        if not self.probabilistic:
            return scores
        scores = (-scores if self.turned else scores).astype(np.float64)
        if self.task == "multiclass":
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            return np.asarray(e / e.sum(axis=1, keepdims=True))
        e = np.exp(-np.abs(scores))
        return np.asarray(np.where(scores >= 0, 1, e) / (1 + e))

    def actual(self, y: Array) -> Array:
        """(n, outputs) in the unit of the raw targets."""
        actual = np.asarray(y.astype(np.float64) * self.scale + self.shift)
        return actual if self.transform is None else self.transform.unbounded.inverse(actual)

    def predicted(self, scores: Array) -> Array:
        """(n, outputs) in the unit of the raw targets."""
        scores = scores.astype(np.float64)
        if self.logarithmic:
            with np.errstate(over="ignore"):
                scores = np.exp(scores)
        said = np.asarray(scores * self.scale + self.shift)
        return said if self.transform is None else self.transform.inverse(said)


def link_of(
    task: str,
    target_mean: Array | None,
    target_scale: Array | None,
    loss: str | None = None,
    positive: int | None = None,
    transform: TargetTransform | None = None,
) -> Link:
    """The meaning of scores; arguments as in `load`."""
    return Link(
        task,
        np.zeros(1) if target_mean is None else target_mean,
        np.ones(1) if target_scale is None else target_scale,
        loss in LOGARITHMS,
        loss not in MARGINS,
        1 if positive is None else positive,
        transform,
    )


def load(
    name: str,
    task: str,
    classes: Array | None,
    target_mean: Array | None,
    target_scale: Array | None,
    loss: str | None = None,
    positive: int | None = None,
    transform: TargetTransform | None = None,
) -> Metric:
    """The metric of that name for a task; arguments are as in `tuner.data.DataSet`.

    Args:
        name: a short name, or the name of a scikit-learn scorer.
        task: the task.
        classes: the labels, or None unless each row has exactly one.
        target_mean, target_scale: (outputs,) mean and scale that standardise regression targets, or
            None.
        loss: the name of the trained loss, which defines the meaning of scores.
        positive: the index of the positive one of two classes, or None if unknown.
        transform: the transform of regression targets before that, or None.

    Raises:
        UserError: the metric does not exist, does not fit (the message lists those that do), or
            needs to know which class is positive.
    """
    link = link_of(task, target_mean, target_scale, loss, positive, transform)
    width = 1 if task != "multiclass" else 3 if classes is None else len(classes)
    found = _found(name, link)
    if found is not None and (name in _short() or _works(found, link, width)):
        if task == "binary" and positive is None and _tells_apart(name, link):
            either = "" if classes is None else f", {classes[0]} or {classes[1]}"
            raise UserError(
                f"metric: {name}: depends on which class is positive{either}; give data.positive"
            )
        return found
    known = [*_short(), *_scorers()]
    hint = did_you_mean(name, known, 3) if name not in known else f"does not fit {_of(link)}; "
    raise UserError(f"metric: {name}: {hint}must be one of {', '.join(names(link, width))}")


def names(link: Link, width: int) -> list[str]:
    """Metrics that fit, the short names first; "loss" is the trained loss.

    Args:
        link: the task, and the meaning of scores.
        width: number of score columns for multiclass tasks, else 1.
    """
    own = [name for name in _short() if _shortly(name, link) is not None]
    return ["loss", *own, *(n for n in _scorers() if _works(_scorer(n, link), link, width))]


def _of(link: Link) -> str:
    plain = link.task == "regression" or link.probabilistic
    return f"a {link.task} task{'' if plain else ' whose scores are not probabilities'}"


def _short() -> dict[str, Callable[..., float]]:
    found = getmembers(short, isfunction)
    return {name: f for name, f in found if not name.startswith("_")}


def _shortly(name: str, link: Link) -> Metric | None:
    """The metric of a short name; None if it does not fit the task."""
    formula = _short()[name]
    needs = signature(formula).parameters
    if ("actual" in needs) != (link.task == "regression"):
        return None
    if name == "balanced_accuracy" and link.task == "multilabel":
        return None

    def measure(scores: Array, y: Array, weights: Array | None) -> float:
        if not np.isfinite(scores).all():
            return float("nan")
        own = np.ones(len(y)) if weights is None else weights.astype(np.float64)
        if "actual" in needs:
            predicted = link.predicted(scores)
            if not np.isfinite(predicted).all():
                return float("nan")
            return formula(link.actual(y), predicted, own)
        said = link.guess(scores) if "guess" in needs else link.ranking(scores)
        return formula(link.truth(y, scores.shape[1]), said, own)

    return Metric(name, measure, formula not in short.ERRORS)


@cache
def _scorers() -> tuple[str, ...]:
    from sklearn.metrics import get_scorer_names

    return tuple(name for name in get_scorer_names() if name not in _short())


def _scorer(name: str, link: Link) -> Metric:
    """The metric of a scikit-learn scorer; greater is always better.

    From then on scikit-learn no longer warns about classes that are never predicted: early in
    training this is common, and the score of 0 shows it.
    """
    from sklearn.exceptions import UndefinedMetricWarning
    from sklearn.metrics import get_scorer

    warnings.filterwarnings("ignore", category=UndefinedMetricWarning)
    scorer = get_scorer(name)
    weighted = "sample_weight" in signature(scorer._score_func).parameters

    def measure(scores: Array, y: Array, weights: Array | None) -> float:
        if not np.isfinite(scores).all():
            return float("nan")
        if weights is not None and not weighted:
            raise UserError(f"metric: {name}: takes no sample weights; give another metric")
        given = {} if weights is None else {"sample_weight": weights}
        if link.task == "binary":
            y = link.truth(y, 1)[:, 0]
        actual = link.actual(y) if link.task == "regression" else y.astype(np.int64)
        if actual.ndim == 2 and actual.shape[1] == 1:
            actual = actual[:, 0]
        try:
            return float(scorer(_oracle(link, scores.shape[1]), scores, actual, **given))
        except (ValueError, TypeError, AttributeError) as error:
            said = " ".join(str(error).split())[:200]
            raise UserError(f"metric: {name}: cannot be had of this part: {said}") from error

    return Metric(name, measure, True)


def _found(name: str, link: Link) -> Metric | None:
    """The metric of that name; None if there is none, or if it is a short name for another task."""
    if name in _short():
        return _shortly(name, link)
    return _scorer(name, link) if name in _scorers() else None


def _tells_apart(name: str, link: Link) -> bool:
    """Whether a metric of two classes changes if they are swapped, tested on random scores."""
    random = np.random.default_rng(0)
    y: Array = (np.arange(64) % 3 == 0).astype(np.int64)
    scores = random.normal(size=(64, 1)) + 0.5 * y[:, None]
    first, second = (_found(name, replace(link, positive=place)) for place in (0, 1))
    assert first is not None
    assert second is not None
    one, other = first.function(scores, y, None), second.function(scores, y, None)
    return not math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _works(metric: Metric, link: Link, width: int) -> bool:
    """Whether a scorer returns a finite number for such a task, tested on random scores."""
    count = 8 * max(width, 2)
    random = np.random.default_rng(0)
    scores = random.normal(size=(count, width if link.task == "multiclass" else len(link.shift)))
    y: Array = np.arange(count) % max(width, 2)
    if link.task == "multilabel":
        scores = random.normal(size=(count, 3))
        y = (np.arange(3 * count).reshape(count, 3) // 2 % 2).astype(np.float64)
    elif link.task == "binary":
        scores = scores[:, :1]
    elif link.task == "regression":  # some metrics need targets above 0
        raw = 1 + random.random(scores.shape)
        scores = (raw if link.transform is None else link.transform(raw)) - link.shift
        scores = scores / link.scale
        scores, y = (np.log(scores) if link.logarithmic else scores), scores
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # for example of probabilities that do not sum to one
            return bool(np.isfinite(metric.function(scores, y, None)))
    except (UserError, UserWarning):
        return False


@cache
def _oracles() -> tuple[Any, Any]:
    """A fake classifier and a fake regressor for scikit-learn, whose inputs are scores."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Oracle(BaseEstimator):  # type: ignore[misc]
        def __init__(self, link: Link, width: int) -> None:
            self.link, self.width = link, width
            self.fitted_ = True

    class Classifier(ClassifierMixin, Oracle):  # type: ignore[misc]
        @property
        def classes_(self) -> Array:
            """At least three for several labels, too: scikit-learn would take two for classes."""
            return np.arange(2 if self.link.task == "binary" else max(3, self.width))

        def predict(self, scores: Array) -> Array:
            guess = self.link.guess(scores)
            if self.link.task == "multilabel":
                return guess.astype(np.int64)
            return guess[:, 0].astype(np.int64) if self.width == 1 else guess.argmax(axis=1)

        def decision_function(self, scores: Array) -> Array:
            ranking = self.link.ranking(scores)
            return ranking[:, 0] if self.link.task == "binary" else ranking

        def predict_proba(self, scores: Array) -> Array:
            if not self.link.probabilistic:
                raise ValueError("the scores of this loss are not probabilities")
            chances = self.link.probabilities(scores)
            return np.hstack([1 - chances, chances]) if self.link.task == "binary" else chances

    class Regressor(RegressorMixin, Oracle):  # type: ignore[misc]
        def predict(self, scores: Array) -> Array:
            predicted = self.link.predicted(scores)
            return predicted[:, 0] if predicted.shape[1] == 1 else predicted

    return Classifier, Regressor


def _oracle(link: Link, width: int) -> Any:
    classifier, regressor = _oracles()
    return regressor(link, width) if link.task == "regression" else classifier(link, width)
