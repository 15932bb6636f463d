"""The result of a reader: raw rows and targets, not yet split or scaled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Said:
    """The user's settings for columns of a table; the kinds of other columns are inferred.

    Attributes:
        categorical: columns of categories, even if they look like numbers.
        numeric: columns of numbers; other texts in them are missing values.
        ordinal: the levels of ordered columns, lowest first.
        text: columns of texts of several words.
        listed: the features, if the user listed them.
        refuse_dates: whether a column of dates is an error.
        day_first: whether texts such as 1/2/2026 begin with the day; None to infer it.
    """

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    ordinal: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    text: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    refuse_dates: bool = False
    day_first: bool | None = None


@dataclass(frozen=True)
class Kinds:
    """The columns of a table by kind.

    Attributes:
        numbers: columns of numbers; filled and scaled.
        words: columns of categories; encoded.
        levels: the levels of ordered columns, lowest first, by column; encoded as ranks.
        dates: columns of dates, and whether the day comes first in their texts; encoded as parts.
        texts: columns of texts of several words; TF-IDF.
    """

    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    levels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    dates: Mapping[str, bool] = field(default_factory=dict)
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Source:
    """Raw rows and what to predict from them.

    Attributes:
        where: the config key and value that named the source, at the start of every error about it.
        rows: (n, inputs): an array of any numeric dtype, as read, so that bytes stay bytes and a
            memory map stays on disk; a SciPy CSR array; or a pandas DataFrame, whose index is the
            row number in the file.
        targets: (n,) or (n, outputs) of any dtype; tuner.data.targets infers their task.
        weights: (n,) sample weights, float64, or None for equal weights.
        groups: (n,) the group of each row, which must stay in one part, or None.
        times: (n,) times that order the rows, float64, or None.
        read_test: reads a separate test part, as (rows, targets); None if the test part must be
            split off.
        notes: notes for the user on how it was read, in words.
        said: the user's settings for columns of a table.
        kinds: the kinds of these columns (`tuner.data.kinds.settled`).
    """

    where: str
    rows: Any
    targets: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    read_test: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None
    notes: tuple[str, ...] = ()
    said: Said = Said()
    kinds: Kinds = Kinds()

    def number(self, row: int) -> int:
        """The number of a row in its file, where some rows may have been left out."""
        return int(self.rows.index[row]) if is_table(self.rows) else row


def is_sparse(rows: Any) -> bool:
    """Whether rows are a SciPy CSR array."""
    return hasattr(rows, "indptr")


def is_table(rows: Any) -> bool:
    """Whether rows are a pandas DataFrame."""
    return hasattr(rows, "iloc")
