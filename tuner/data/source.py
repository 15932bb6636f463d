"""What a reader hands over: raw rows and targets, not yet split or scaled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Source:
    """Raw rows and what to predict from them.

    Attributes:
        where: the config key and value that named the source, the start of every error about it.
        rows: (n, inputs): an array of any numeric dtype, kept as it was read, so bytes stay bytes
            and a memory map stays on disk; a SciPy CSR array; or a pandas DataFrame.
        targets: (n,) or (n, outputs) of any dtype; tuner.data.targets says what task they are.
        weights: (n,) how much a row counts, float64, or None for all alike.
        groups: (n,) what may not be in two parts at once, or None.
        times: (n,) what orders the rows, float64, or None.
        read_test: reads a test part that is kept apart, as (rows, targets); None when the test part
            has to be split off.
        notes: what a user should know of how it was read, in words.
    """

    where: str
    rows: Any
    targets: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    read_test: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None
    notes: tuple[str, ...] = ()


def is_sparse(rows: Any) -> bool:
    """Whether rows are a SciPy CSR array."""
    return hasattr(rows, "indptr")


def is_table(rows: Any) -> bool:
    """Whether rows are a pandas DataFrame."""
    return hasattr(rows, "iloc")
