"""Shift and scale of each column, fitted on the training rows alone.

Rows are chosen by number and worked on in blocks of float64, so that neither a second copy of
the data nor a rounded mean is ever held.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

BLOCK = 1024  # rows: 6 MB of float64 for images of 28 x 28


@dataclass(frozen=True, eq=False)
class Scaling:
    """(row - shift) / scale, with shift and scale (columns,) in float64."""

    method: str
    shift: np.ndarray
    scale: np.ndarray

    def __call__(self, rows: np.ndarray, chosen: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """The chosen rows scaled: (chosen, columns), C-contiguous, of the dtype."""
        scaled = np.empty((len(chosen), rows.shape[1]), dtype)
        for start, block in _blocks(rows, chosen):
            scaled[start : start + len(block)] = (block - self.shift) / self.scale
        return scaled

    def transformer(self) -> Any:
        """The same as a fitted scikit-learn transformer of raw rows (imports scikit-learn)."""
        from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

        match self.method:
            case "standard":  # two rows with this very mean and standard deviation
                return StandardScaler().fit([self.shift - self.scale, self.shift + self.scale])
            case "minmax":
                return MinMaxScaler().fit([self.shift, self.shift + self.scale])
            case _:
                return FunctionTransformer().fit([self.shift])


def fit(rows: np.ndarray, chosen: np.ndarray, method: str) -> Scaling:
    """Fit one of METHODS to the chosen rows: (n, columns). A constant column is shifted only."""
    shift, scale = METHODS[method](rows, chosen)
    rounding = len(chosen) * np.finfo(np.float64).eps * np.abs(shift)
    return Scaling(method, shift, np.where(scale > rounding, scale, 1.0))


def _standard(rows: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = sum(block.sum(axis=0) for _, block in _blocks(rows, chosen))
    mean = np.asarray(total / len(chosen))
    squares = sum(((block - mean) ** 2).sum(axis=0) for _, block in _blocks(rows, chosen))
    return mean, np.sqrt(squares / len(chosen))


def _minmax(rows: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low = np.min([block.min(axis=0) for _, block in _blocks(rows, chosen)], axis=0)
    high = np.max([block.max(axis=0) for _, block in _blocks(rows, chosen)], axis=0)
    return low, high - low


def _none(rows: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(rows.shape[1]), np.ones(rows.shape[1])


METHODS = {"standard": _standard, "minmax": _minmax, "none": _none}


def _blocks(rows: np.ndarray, chosen: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(chosen), BLOCK):
        yield start, rows[chosen[start : start + BLOCK]].astype(np.float64)
