"""The held-out test part: its rows, and a saved model's scores on them."""

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

# The smallest predicted mean when logarithms are compared.
TINY = 1e-12
# How far the score of a class unknown to a model lies below its best score.
UNKNOWN = 40.0


class Unfit(Exception):
    """A model cannot be judged on these rows; the message says why."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The test part of a data set.

    Attributes:
        data: the data set.
        rows: (n, columns), raw, as read from the source.
        y: targets in the form that losses take: (n,) class indices, or (n, outputs) float64.
        weights: (n,) or None.
        groups, times: (n,) the group, and the time, of each row; or None.
        keys: (n,) keys that identify rows across studies.
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
        """The rows where `kept` (n,) is true."""

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
        """On which rows to judge a model that was trained on rows with these keys: (n,) bool.

        Rows that the model saw and today's winner did not are left out, and so are all groups with
        such a row.
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
        """A saved model's scores of the rows, in the form of today's model: (n, outputs).

        Regression predictions are converted to the scale of scores in training. Classes take the
        positions of today's classes; a class that the model does not know is never its prediction.

        Raises:
            Unfit: if the model needs other columns, or predicts other targets.
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
        """A predict method's output on the rows, computed in blocks."""
        try:
            parts = [
                np.asarray(ask(self.raw(slice(start, start + BLOCK))), np.float64)
                for start in range(0, len(self), BLOCK)
            ]
        except Exception as error:  # an old model may raise anything
            raise Unfit(printable(f"it cannot read today's rows: {first_line(error)}")) from error
        return np.concatenate(parts)

    def raw(self, rows: slice) -> Any:
        """Some of the rows in the form that models take."""
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
        """Converts predictions in the targets' unit to scores: to logarithms for Poisson losses."""
        try:
            return self.data.recipe.targets(said, np.arange(len(said)), np.float64)
        except UserError as error:
            raise Unfit(f"its predictions are too large: {error}") from None

    def _placed(self, said: Array, own: Array) -> Array:
        """Moves the scores of a model's classes to the positions of today's classes."""
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
    """The raw test part of a data set.

    Raises:
        UserError: if the set has no test part, or its files are bad.
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
    """Regression scores on a loss's scale: some losses take logarithms of the predictions."""
    return np.log(np.maximum(scores, TINY)) if loss in LOGARITHMS else scores


def width(rows: Any) -> int:
    """The number of columns of raw rows."""
    return int(rows.shape[1])


def first_line(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _few(labels: Array) -> str:
    named = ", ".join(map(str, labels[:5]))
    return f"{named} and {len(labels) - 5} more" if len(labels) > 5 else named
