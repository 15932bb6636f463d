"""What a reader returns: raw rows and targets, not yet split or scaled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Said:
    """What a user said of the columns of a table; of the others, their values tell.

    Attributes:
        categorical: columns whose values are names, even if they are written as numbers.
        numeric: columns whose texts are numbers, and gaps where they are none.
        ordinal: the levels of columns, lowest first.
        text: columns whose values are texts of several words.
        listed: the features, where they were named one by one.
        refuse_dates: whether a column of dates is a mistake.
        day_first: whether texts as 1/2/2026 begin with the day; None to find it by looking.
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
    """The columns of a table by what becomes of them.

    Attributes:
        numbers: filled and scaled.
        words: a column each for what they hold.
        levels: words in an order, lowest first, by column: their places are numbers.
        dates: columns that become several numbers, and whether the day stands first in their texts.
        texts: of several words, each a column.
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
        where: the config key and value that named the source, the start of every error about it.
        rows: (n, inputs): an array of any numeric dtype, kept as it was read, so bytes stay bytes
            and a memory map stays on disk; a SciPy CSR array; or a pandas DataFrame, whose index
            counts the rows as the file does.
        targets: (n,) or (n, outputs) of any dtype; tuner.data.targets says what task they are.
        weights: (n,) how much a row counts, float64, or None for all alike.
        groups: (n,) what may not be in two parts at once, or None.
        times: (n,) what orders the rows, float64, or None.
        read_test: reads a test part that is kept apart, as (rows, targets); None when the test part
            has to be split off.
        notes: what a user should know of how it was read, in words.
        said: what was said of the columns of a table.
        kinds: what these hold (`tuner.data.kinds.settled`).
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
        """The number of a row as its file counts, some of whose rows may be left out."""
        return int(self.rows.index[row]) if is_table(self.rows) else row


def is_sparse(rows: Any) -> bool:
    """Whether rows are a SciPy CSR array."""
    return hasattr(rows, "indptr")


def is_table(rows: Any) -> bool:
    """Whether rows are a pandas DataFrame."""
    return hasattr(rows, "iloc")
