"""Transforms of skewed columns, by scikit-learn, fitted on training rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.data.scaling import BLOCK, check_trainable, transformer

# The most numbers to fit to; rows are taken evenly from the training part.
SAMPLE = 20_000_000


@dataclass(frozen=True, eq=False)
class Reshaping:
    """A fitted transformer of raw rows.

    Attributes:
        method: its name.
        fitted: the transformer.
        inputs: number of output columns.
    """

    method: str
    fitted: Any
    inputs: int

    def __call__(
        self,
        rows: np.ndarray,
        chosen: np.ndarray,
        dtype: DTypeLike,
        empty: Callable[..., np.ndarray] = np.empty,
    ) -> np.ndarray:
        """The chosen rows, scaled: see `tuner.data.scaling.Scaling`."""
        made = empty((len(chosen), self.inputs), dtype)
        for start in range(0, len(chosen), BLOCK):
            part = chosen[start : start + BLOCK]
            block = made[start : start + len(part)]
            with np.errstate(over="ignore"):
                block[:] = self.fitted.transform(rows[part].astype(np.float64))
            check_trainable(block, rows, part, f"data.scale: {self.method}", dtype)
        return made

    def transformer(self) -> Any:
        """The fitted scikit-learn transformer."""
        return self.fitted


def fit(rows: np.ndarray, chosen: np.ndarray, method: str) -> Reshaping:
    """Fits a method to the chosen rows, or to as many of them as SAMPLE allows.

    Args:
        rows: (n, columns).
        chosen: numbers of the training rows.
        method: one of tuner.data.scaling.RESHAPING.
    """
    count = min(len(chosen), max(1000, SAMPLE // rows.shape[1]))
    some = chosen[np.linspace(0, len(chosen) - 1, count).astype(np.int64)]
    made = transformer(method, count).fit(rows[some].astype(np.float64))
    return Reshaping(method, made, rows.shape[1])
