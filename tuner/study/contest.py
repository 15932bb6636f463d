"""A contest: compares a study's winner with another model on the same test rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tuner.codec import Settings
from tuner.data import paired
from tuner.data.metrics import MARGINS, Metric, link_of, load
from tuner.errors import UserError
from tuner.study.held_out import HeldOut, Unfit, logarithms
from tuner.study.populations import Populations
from tuner.training.losses import Loss

Array = np.ndarray

LEVEL = paired.LEVEL

# The limit of rows over all draws of a score's bootstrap, and the fewest draws.
ROWS, LEAST = 40_000_000, 200
# The metric for comparing models when one of them gives no probabilities.
ACCURACY = "accuracy"
LOSS = "loss"

# The tests by the names that reports show.
MCNEMAR, DELONG = "McNemar's exact test", "DeLong's test"
BOOTSTRAPS = {"": "paired bootstrap", "group": "paired bootstrap of groups",
              "time": "paired bootstrap of stretches of time"}  # fmt: skip


@dataclass(frozen=True)
class Contest:
    """The result of a contest.

    Attributes:
        metric: the compared metric.
        ours, theirs: the metric of today's winner and of the other model, in the form that people
            read.
        rows: the number of test rows.
        test: the name of the statistical test.
        p: its one-sided p-value.
        won: whether the winner is significantly better.
        said: a remark, one sentence, or "".
    """

    metric: str
    ours: float
    theirs: float
    rows: int
    test: str
    p: float
    won: bool
    said: str = ""


@dataclass(frozen=True, eq=False)
class Entrant:
    """A model as a contest sees it.

    Attributes:
        scores: (n, outputs), one row per test row; in regression, on the scale of the coded
            targets.
        probabilistic: whether the scores of classes are log-odds.
    """

    scores: Array
    probabilistic: bool = True


@dataclass(frozen=True, eq=False)
class Judge:
    """Compares models on test rows by the study's metric.

    Args:
        training: the study's training.
        settings: the winner's settings.
        rows: the rows of the study's test part.
    """

    training: Populations
    settings: Settings
    rows: HeldOut

    @cached_property
    def loss(self) -> Loss:
        """The winner's loss."""
        return self.training.loss(self.settings)

    @property
    def metric(self) -> str:
        """The name of the study's metric."""
        return self.training.goal.name

    def contest(self, ours: Entrant, theirs: Entrant, seed: int) -> Contest:
        """Compares today's winner with another model.

        Args:
            ours, theirs: the two models.
            seed: the seed of the bootstrap.

        Raises:
            Unfit: if the metric is undefined for either model.
        """
        name, said = self.metric, ""
        if not self.fits(name, ours, theirs):
            said = f"one of the two gives no probabilities for {name}: accuracy is compared"
            name = ACCURACY
        one, other = self.value(name, ours), self.value(name, theirs)
        if not math.isfinite(one) or not math.isfinite(other):
            raise Unfit(f"{name} is undefined on the test rows")
        test, p = self.tested(name, ours, theirs, seed)
        gain = (one - other) * (1 if self.greater(name) else -1)
        won = bool(p <= paired.LEVEL and gain > 0)
        return Contest(name, one, other, len(self.rows), test, p, won, said)

    def fits(self, name: str, *entrants: Entrant) -> bool:
        """Whether the metric is comparable between all these models."""
        if self.rows.data.task == "regression":
            return True
        kinds = {own.probabilistic for own in entrants}
        if name == LOSS:
            return kinds == {self.loss.name not in MARGINS}
        try:
            for own in entrants:
                self.found(name, own)
        except UserError:
            return False
        return True

    def found(self, name: str, own: Entrant) -> Metric:
        """The metric for the scores of a model.

        Raises:
            UserError: if the metric needs probabilities and the model gives none.
        """
        data = self.rows.data
        loss: str | None = self.loss.name
        if data.task != "regression":
            loss = None if own.probabilistic else MARGINS[0]
        place = data.target_mean, data.target_scale, loss, data.asked.positive
        # Predictions of saved models were already clipped to the range; they are not clipped again.
        transform = data.target_transform and data.target_transform.unbounded
        return load(name, data.task, data.classes, *place, transform)

    def greater(self, name: str) -> bool:
        """Whether a greater value of the metric is better."""
        return name != LOSS and self.found(name, Entrant(np.zeros(0))).greater_is_better

    def value(self, name: str, own: Entrant) -> float:
        """The metric of a model on all rows."""
        if name == LOSS:
            return float(np.average(self.losses(own), weights=self.rows.weights))
        return self.found(name, own).function(own.scores, self.rows.y, self.rows.weights)

    def losses(self, own: Entrant) -> Array:
        """The loss of each row, (n,)."""
        scores = np.ascontiguousarray(own.scores, np.float64)
        y, none = self.rows.y.reshape(len(self.rows), -1), np.zeros(0)
        number = float(self.loss.numbers([self.training.numbers(self.settings)])[0])
        if self.loss.only_in_training:
            number = float(self.loss.numbers([{}])[0])
        each = (slice(i, i + 1) for i in range(len(y)))
        value = self.loss.value
        return np.array([value(scores[i].copy(), y[i], none, 1.0, number) for i in each])

    def tested(self, name: str, ours: Entrant, theirs: Entrant, seed: int) -> tuple[str, float]:
        """The name of the test that suits the metric and the rows, and its p-value."""
        rows, task = self.rows, self.rows.data.task
        kind = "group" if rows.groups is not None else "time" if rows.times is not None else ""
        if rows.weights is None and not kind:
            if name == ACCURACY:
                return MCNEMAR, paired.mcnemar(self.right(ours), self.right(theirs))
            if name == "roc_auc" and task == "binary":
                link = link_of(task, None, None, positive=rows.data.asked.positive)
                both = [link.ranking(own.scores)[:, 0] for own in (ours, theirs)]
                return DELONG, paired.delong(link.truth(rows.y, 1)[:, 0], *both)
        better = self.better(name, ours, theirs)
        units = [*paired.units_of(len(rows), rows.groups, rows.times)]
        draws = paired.DRAWS
        if name not in (LOSS, ACCURACY):
            draws = max(LEAST, min(draws, ROWS // max(1, len(rows))))
        return BOOTSTRAPS[kind], paired.bootstrap(better, units, seed, draws)

    def right(self, own: Entrant) -> Array:
        """Whether the model is right on each row, (n,)."""
        data, width = self.rows.data, own.scores.shape[1]
        link = link_of(data.task, None, None, positive=data.asked.positive)
        same = link.truth(self.rows.y, width) == link.guess(own.scores)
        return np.asarray(same.all(axis=1))

    def better(self, name: str, ours: Entrant, theirs: Entrant) -> Callable[[Array], float]:
        """A function of drawn rows that returns by how much today's winner is better on them."""
        y, weights = self.rows.y, self.rows.weights
        if name in (LOSS, ACCURACY):
            one, other = (
                -self.losses(own) if name == LOSS else self.right(own).astype(np.float64)
                for own in (ours, theirs)
            )
            gains = (one - other) * (1.0 if weights is None else weights)
            return lambda rows: float(gains[rows].sum())
        sign = 1 if self.greater(name) else -1
        measures = [(self.found(name, own).function, own.scores) for own in (ours, theirs)]

        def difference(rows: Array) -> float:
            own = None if weights is None else weights[rows]
            try:
                one, other = (measure(s[rows], y[rows], own) for measure, s in measures)
            except UserError:  # a draw that lacks a class
                return math.nan
            return sign * (one - other)

        return difference

    def judge(self, pipeline: Any) -> Entrant:
        """The entrant of a saved model.

        Raises:
            Unfit: if the model cannot predict these rows.
        """
        return self.entrant(self.rows.scores(pipeline), hasattr(pipeline, "predict_proba"))

    def entrant(self, scores: Array, probabilistic: bool = True) -> Entrant:
        """The entrant of a model with these scores; in regression, on the coded targets' scale."""
        if self.rows.data.task == "regression":
            scores = logarithms(scores, self.loss.name)
        return Entrant(scores, probabilistic)

    def constant(self) -> Entrant:
        """The best constant prediction.

        The candidates come from the training rows: the class frequencies, or a single class; the
        mean or the median of the targets, or their quantile if the loss is a quantile loss.
        """
        name, n = self.metric, len(self.rows)
        # Margins carry only a side, so class frequencies would not be the best constant for them.
        probabilistic = self.loss.name not in MARGINS
        tried = [self.entrant(np.tile(own, (n, 1)), probabilistic) for own in self.constants()]
        sign = 1 if self.greater(name) else -1
        values = [sign * self.value(name, own) for own in tried]
        best = int(np.argmax([value if math.isfinite(value) else -math.inf for value in values]))
        return tried[best]

    def constants(self) -> list[Array]:
        """Candidate constants, (outputs,) each, from the rows that the winner was trained on."""
        data = self.rows.data
        chosen = data.recipe.fitted_to
        y = data.recipe.targets(data.target.values, chosen, np.float64)
        weights = None if data.source.weights is None else data.source.weights[chosen]
        if data.task == "regression":
            level = self.training.numbers(self.settings).get("quantile", 0.5)
            found = [np.average(y, axis=0, weights=weights), np.median(y, axis=0)]
            found.append(np.quantile(y, level, axis=0))
            if data.target_transform is not None:  # their mean is not the targets' mean
                mean = np.average(data.target.values[chosen], axis=0, weights=weights)
                found.append(data.recipe.targets(mean[None], np.arange(1), np.float64)[0])
            return found
        if data.task == "multilabel":
            shares = np.clip(np.average(y, axis=0, weights=weights), 1e-9, 1 - 1e-9)
            return [np.log(shares / (1 - shares)), np.full(len(shares), 1.0)]
        classes = 0 if data.classes is None else len(data.classes)
        counts = np.bincount(y.astype(np.int64), weights, minlength=classes)
        odds = np.log(np.maximum(counts, 1e-9 * counts.sum()) / counts.sum())
        if classes == 2:
            return [np.array([odds[1] - odds[0]]), np.array([1.0]), np.array([-1.0])]
        return [odds, *np.eye(classes)[:20]]
