"""Shift and scale of each column, fitted on the training rows only.

Rows are selected by number and processed in blocks of float64. This needs no second copy of the
data, and means are not rounded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.errors import UserError

BLOCK = 1024  # rows: 6 MB of float64 for images of 28 x 28
# The largest allowed absolute value; sums of squares of such numbers fit into float64.
LARGEST = 1e150
QUANTILES = 1000  # number of quantiles per column for "quantile"


@dataclass(frozen=True, eq=False)
class Scaling:
    """(row - shift) / scale.

    Attributes:
        method: one of METHODS.
        shift, scale: (columns,) float64.
        key: the config key of the method, for errors.
    """

    method: str
    shift: np.ndarray
    scale: np.ndarray
    key: str = "data.scale"

    @property
    def inputs(self) -> int:
        """Number of output columns."""
        return len(self.shift)

    def __call__(
        self,
        rows: np.ndarray,
        chosen: np.ndarray,
        dtype: DTypeLike,
        empty: Callable[..., np.ndarray] = np.empty,
    ) -> np.ndarray:
        """The chosen rows scaled: (chosen, columns), C-contiguous, of the dtype.

        Args:
            rows: (n, columns).
            chosen: numbers of the rows.
            dtype: of the result.
            empty: allocates the result, from shape and dtype.

        Raises:
            UserError: a number that is too large for training in this dtype.
        """
        scaled = empty((len(chosen), rows.shape[1]), dtype)
        for start, block in blocks(rows, chosen):
            block -= self.shift
            block /= self.scale
            made = scaled[start : start + len(block)]
            with np.errstate(over="ignore"):
                made[:] = block
            part = chosen[start : start + len(block)]
            check_trainable(made, rows, part, f"{self.key}: {self.method}", dtype)
        return scaled

    def transformer(self) -> Any:
        """An equal, fitted scikit-learn transformer of raw rows (imports scikit-learn)."""
        made = transformer(self.method, 1).fit(np.zeros((1, self.inputs)))
        # Set directly instead of fitted: scikit-learn treats columns of tiny numbers as constant.
        match self.method:
            case "standard":
                made.mean_, made.scale_ = self.shift, self.scale
                made.var_ = self.scale**2
            case "minmax":
                made.data_min_, made.data_range_ = self.shift, self.scale
                made.data_max_ = self.shift + self.scale
                made.scale_ = 1 / self.scale
                made.min_ = -self.shift / self.scale
            case "maxabs":
                made.scale_ = made.max_abs_ = self.scale
        return made


def trainable(dtype: DTypeLike) -> float:
    """The largest absolute value to train on: squares of gradients contain its fourth power."""
    return float(np.finfo(np.dtype(dtype)).max ** 0.25)


def check_trainable(
    made: np.ndarray, rows: np.ndarray, chosen: np.ndarray, where: str, dtype: DTypeLike
) -> None:
    """Refuses scaled rows with a number that is too large.

    Args:
        made: (chosen, columns) scaled rows of the dtype.
        rows: the raw rows.
        chosen: numbers of the rows that were scaled.
        where: the config key of the method, and the method.
        dtype: dtype of the training.

    Raises:
        UserError: for the first such number.
    """
    most = trainable(dtype)
    if not -most <= made.min(initial=0) <= made.max(initial=0) <= most:
        row, column = np.argwhere(~(np.abs(made) <= most))[0]
        place = f"column {column} (counted from 0)"
        raise too_large(where, rows[chosen[row], column], made[row, column], place, dtype)


def too_large(where: str, value: Any, scaled: Any, place: str, dtype: DTypeLike) -> UserError:
    """The error for a number that is too large after scaling.

    Args:
        where: the config key of the scaling method, and the method.
        value: the number as read.
        scaled: the number after scaling.
        place: its column, in words.
        dtype: dtype of the training.
    """
    return UserError(
        f"{where}: {value:.6g} in {place} becomes {scaled:.3g}, and training in {np.dtype(dtype)} "
        f"takes {trainable(dtype):.1g} at most; give another scale or unit, or leave the row out"
    )


def transformer(method: str, count: int) -> Any:
    """The unfitted scikit-learn transformer of a method (imports scikit-learn).

    Args:
        method: one of METHODS or RESHAPING.
        count: number of rows that it will be fitted to.
    """
    from sklearn import preprocessing
    from sklearn.pipeline import make_pipeline

    match method:
        case "standard":
            return preprocessing.StandardScaler()
        case "minmax":
            return preprocessing.MinMaxScaler()
        case "maxabs":
            return preprocessing.MaxAbsScaler()
        case "robust":
            from tuner.data.transformers import Robust

            return Robust()
        case "quantile" | "power":
            # Both depend on the magnitude of numbers, so standardise first: "quantile" treats close
            # numbers as equal, "power" has a term 1 + x.
            first, last = preprocessing.StandardScaler(), preprocessing.StandardScaler()
            if method == "power":
                return make_pipeline(first, preprocessing.PowerTransformer())
            ranks = preprocessing.QuantileTransformer(
                n_quantiles=min(QUANTILES, count), output_distribution="normal", random_state=0
            )
            return make_pipeline(first, ranks, last)
        case _:
            return preprocessing.FunctionTransformer(accept_sparse=True)


def fit(rows: np.ndarray, chosen: np.ndarray, method: str) -> Scaling:
    """Fits a scaling to the chosen rows. A constant column is only shifted.

    Args:
        rows: (n, columns).
        chosen: numbers of the training rows.
        method: one of METHODS.

    Raises:
        UserError: squares of the numbers overflow float64.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        shift, scale = METHODS[method](rows, chosen)
    if not (np.isfinite(shift) & np.isfinite(scale)).all():
        column = int(np.argmin(np.isfinite(shift) & np.isfinite(scale)))
        raise UserError(
            f"data.scale: {method}: the numbers in column {column} (counted from 0) are too large "
            "for their mean and deviation; give minmax, maxabs or none, or another unit"
        )
    rounding = len(chosen) * np.finfo(np.float64).eps * np.abs(shift)
    return Scaling(method, shift, np.where(scale > rounding, scale, 1.0))


def _standard(rows: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = sum(block.sum(axis=0) for _, block in blocks(rows, chosen))
    mean = np.asarray(total / len(chosen))
    squares = sum(((block - mean) ** 2).sum(axis=0) for _, block in blocks(rows, chosen))
    return mean, np.sqrt(squares / len(chosen))


def _minmax(rows: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low = np.min([block.min(axis=0) for _, block in blocks(rows, chosen)], axis=0)
    high = np.max([block.max(axis=0) for _, block in blocks(rows, chosen)], axis=0)
    return low, high - low


def _none(rows: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(rows.shape[1]), np.ones(rows.shape[1])


def _maxabs(rows: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    largest = np.max([np.abs(block).max(axis=0) for _, block in blocks(rows, chosen)], axis=0)
    return np.zeros(rows.shape[1]), largest


METHODS = {"standard": _standard, "minmax": _minmax, "maxabs": _maxabs, "none": _none}
# Methods that tuner.data.reshaping fits.
RESHAPING = ("robust", "quantile", "power")
NAMES = (*METHODS, *RESHAPING)
DEFAULT = "standard"


def blocks(rows: np.ndarray, chosen: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The chosen rows in blocks of float64, each with the position of its first row."""
    for start in range(0, len(chosen), BLOCK):
        yield start, rows[chosen[start : start + BLOCK]].astype(np.float64)
