"""The held-out test part: a saved model's predictions and scores on it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.data import checks
from tuner.data.metrics import LOGARITHMS
from tuner.data.row_keys import BLOCK, row_keys
from tuner.data.source import is_table
from tuner.errors import UserError, printable

if TYPE_CHECKING:
    from tuner.data import DataSet

Array = np.ndarray

# What a prediction of a mean is at least where logarithms are compared.
TINY = 1e-12
# By how much the score of a class that a model does not know lies below its best one.
UNKNOWN = 40.0


class Unfit(Exception):
    """A model cannot be judged on these rows; in words, why."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The test part of a data set.

    Attributes:
        data: the set.
        rows: (n, columns) raw ones, as the source has them.
        y: what a loss takes: (n,) positions of classes, or (n, outputs) float64.
        weights: (n,) or None.
        groups, times: (n,) what belongs together, and what orders the rows; or None.
        keys: (n,) by which rows are known again.
    """

    data: "DataSet"
    rows: Any
    y: Array
    weights: Array | None
    groups: Array | None
    times: Array | None
    keys: Array

    def __len__(self) -> int:
        return len(self.y)

    def only(self, kept: Array) -> "HeldOut":
        """Some of the rows: (n,) true where one stays."""

        def some(array: Array | None) -> Array | None:
            return None if array is None else array[kept]

        return replace(
            self,
            rows=self.rows[kept],
            y=self.y[kept],
            weights=some(self.weights),
            groups=some(self.groups),
            times=some(self.times),
            keys=self.keys[kept],
        )

    def unseen(self, seen: Array) -> Array:
        """Which rows a model may be judged on that was trained on rows of these keys, (n,).

        Those that it saw and today's winner did not are left out; of groups, all with such a row.
        """
        known = np.isin(self.keys, seen)
        if known.any():
            known &= ~np.isin(self.keys, self.trained_on())
        if self.groups is not None:
            known = np.isin(self.groups, np.unique(self.groups[known]))
        return ~known

    def trained_on(self) -> Array:
        """The keys of the rows that today's winner was chosen and trained on."""
        return row_keys(self.data.source.rows, self.data.split.rest)

    def scores(self, pipeline: Any) -> Array:
        """What a saved model says of the rows, as the scores of today's model: (n, outputs).

        A regression's predictions are turned to what scores are in training; classes are put in
        the places of today's, and one that the model does not know is never its guess.

        Raises:
            Unfit: if it asks for other columns, or predicts something else.
        """
        self._check_columns(pipeline)
        data, regression = self.data, self.data.task == "regression"
        if regression == hasattr(pipeline, "classes_"):
            own = "numbers" if regression else "classes"
            raise Unfit(f"today's targets are {own}, and it does not predict {own}")
        ask = pipeline.predict if regression else pipeline.decision_function
        said = self._said(ask).reshape(len(self), -1)
        if not np.isfinite(said).all():
            raise Unfit("some of its predictions are not finite numbers")
        if regression or data.task == "multilabel":
            if said.shape[1] != data.outputs:
                raise Unfit(
                    f"it predicts {said.shape[1]} numbers a row, today's data have {data.outputs}"
                )
            return self._coded(said) if regression else said
        return self._placed(said, pipeline.classes_)

    def _said(self, ask: Callable[[Any], Array]) -> Array:
        """What a method says of the rows, some after others."""
        try:
            parts = [
                np.asarray(ask(self.raw(slice(start, start + BLOCK))), np.float64)
                for start in range(0, len(self), BLOCK)
            ]
        except Exception as error:  # it may be of any age, and asked for anything
            raise Unfit(printable(f"it cannot read today's rows: {first_line(error)}")) from error
        return np.concatenate(parts)

    def raw(self, rows: slice) -> Any:
        """Some of the rows as a model takes them."""
        if is_table(self.rows):
            return self.rows.iloc[rows]
        return self.rows[rows].astype(np.float64)

    def _check_columns(self, pipeline: Any) -> None:
        named = getattr(pipeline, "feature_names_in_", None)
        if (named is not None) != is_table(self.rows):
            kind, other = "a table", "an array"
            if named is not None:
                kind, other = other, kind
            raise Unfit(f"today's rows are {kind}, and it was trained on {other}")
        if named is not None:
            lacking = [str(name) for name in named if name not in self.rows.columns]
            if lacking:
                raise Unfit(printable(f"today's data lack the column {', '.join(lacking)}"))
        elif (asked := getattr(pipeline, "n_features_in_", None)) not in (None, width(self.rows)):
            raise Unfit(f"it needs {asked} columns, today's data have {width(self.rows)}")

    def _coded(self, said: Array) -> Array:
        """Predictions in the unit of the targets as scores: of Poisson's, logarithms."""
        try:
            return self.data.recipe.targets(said, np.arange(len(said)), np.float64)
        except UserError as error:
            raise Unfit(f"its predictions are too large: {error}") from None

    def _placed(self, said: Array, own: Array) -> Array:
        """Scores of a model's classes as those of today's."""
        classes = self.data.classes
        if said.shape[1] == 1:
            said = np.hstack([np.zeros_like(said), said])
        if classes is None or said.shape[1] != len(own):
            raise Unfit(
                "it predicts several labels for a row, and today's rows have one class each"
            )
        place = {str(label): number for number, label in enumerate(own)}
        made = np.repeat(said.max(axis=1, keepdims=True) - UNKNOWN, len(classes), axis=1)
        known = [(at, place[str(c)]) for at, c in enumerate(classes) if str(c) in place]
        if not known:
            raise Unfit(printable(f"its classes are {_few(own)}, today's {_few(classes)}"))
        for at, number in known:
            made[:, at] = said[:, number]
        return made[:, 1:] - made[:, :1] if len(classes) == 2 else made


def held_out(data: "DataSet") -> HeldOut:
    """The test part of a data set, raw.

    Raises:
        UserError: if it has none, or its files turn out to be bad.
    """
    source, chosen = data.source, data.split.test
    rows: Any
    if source.read_test is not None:
        rows, targets = source.read_test()
        checks.check_test(rows, targets, inputs=data.inputs, classes=data.classes)
        weights = groups = times = None
        chosen = np.arange(len(targets))
    else:
        rows, targets = source.rows, data.target.values
        weights, groups, times = source.weights, source.groups, source.times
    if not len(chosen):
        raise UserError("data.test_fraction: there is no test part: give a number above 0")
    keys = row_keys(rows, chosen)
    raw = rows.iloc[chosen].reset_index(drop=True) if is_table(rows) else rows[chosen]
    y = data.recipe.targets(targets, chosen, np.float64)
    weights, groups, times = (
        None if own is None else own[chosen] for own in (weights, groups, times)
    )
    return HeldOut(data, raw, y, weights, groups, times, keys)


def logarithms(scores: Array, loss: str) -> Array:
    """A regression's scores as a loss has them: of some, logarithms of what is predicted."""
    return np.log(np.maximum(scores, TINY)) if loss in LOGARITHMS else scores


def width(rows: Any) -> int:
    """Columns of raw rows."""
    return int(rows.shape[1])


def first_line(error: BaseException) -> str:
    """What went wrong, in a line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _few(labels: Array) -> str:
    named = ", ".join(map(str, labels[:5]))
    return f"{named} and {len(labels) - 5} more" if len(labels) > 5 else named
