"""auto: the values of settings that the data determine.

Ranges depend on the number of training rows, of columns and of outputs. The numbers were found on
real tables (benchmarks/tables.py); each function says how it decides.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tuner.config.schema import Plain

WORD = "auto"

# The epochs of a trial with ROWS rows. Fewer rows get more epochs, so that steps grow with the rows
# to the power of 2/3.
EPOCHS, ROWS = 30, 10_000
FEWEST_EPOCHS, MOST_EPOCHS = 5, 100

# Below SMALL rows, a validation part of a fifth would say too little: FEW_FOLDS folds are used.
SMALL, FEW_FOLDS = 2_000, 5

# With more weights than this in one layer, a network stays narrow.
WIDEST = 2_000_000


@dataclass(frozen=True)
class Seen:
    """What is known of data once they are read.

    Attributes:
        rows: training rows of a trial; with folds, of the largest.
        columns: columns that a model gets, after words are encoded.
        outputs: numbers that a model returns per row.
    """

    rows: int
    columns: int
    outputs: int


# Stands for unread data: a config is checked before the data are read.
UNREAD = Seen(1000, 10, 1)


def ranged(low: float, high: float) -> Plain:
    """A range on a log scale."""
    return {"low": low, "high": high, "scale": "log"}


def epochs(seen: Seen) -> int:
    """Epochs by the number of training rows: 30 for 10,000, 65 for 1,000, 14 for 100,000."""
    wanted = EPOCHS * math.pow(ROWS / max(seen.rows, 1), 1 / 3)
    return min(max(round(wanted), FEWEST_EPOCHS), MOST_EPOCHS)


def batch_size(seen: Seen) -> Plain:
    """Two sizes: about the square root of the rows, from 16 to 256, and four times that."""
    size = 16
    while size < 256 and size * size * 2 < seen.rows:
        size *= 2
    return {"choices": [size, 4 * size]}


def hidden(seen: Seen) -> Plain:
    """Hidden layers: none (a linear model), one narrow, one wide, or two."""
    narrow, wide = (32, 128) if seen.rows < ROWS else (64, 256)
    if seen.columns * wide > WIDEST:
        return {"choices": [[narrow], []]}
    return {"choices": [[narrow], [], [wide], [wide // 2, wide // 2]]}


def dropout(seen: Seen) -> Plain:
    """Dropout from 0 to 0.5."""
    return {"low": 0.0, "high": 0.5}


def l2(seen: Seen) -> Plain:
    """L2 penalties from almost no effect up to those that leave only the mean of the targets.

    The penalty is in the gradient, which Adam scales. On tables it did better than decoupled weight
    decay: on churn, a log loss of 0.183, against 0.224 with a decay of 0.001 to 3 and 0.218 with
    0.01 to 30.
    """
    return ranged(1e-6, 1e-1)


def rate(seen: Seen) -> Plain:
    """Learning rates of Adam."""
    return ranged(1e-3, 1e-1)


# The functions that replace the word, by path; the loader decides about data.folds.
FOUND: Mapping[str, Callable[[Seen], Any]] = {
    "budget.epochs": epochs,
    "batch_size": batch_size,
    "model.mlp.hidden": hidden,
    "model.mlp.dropout": dropout,
    "model.mlp.l2": l2,
    "optimizer.adam.lr": rate,
}
FOLDS = "data.folds"


def holder(plain: Any, path: str) -> tuple[Any, str]:
    """The mapping that holds the last key of a path (None if there is none), and that key."""
    *above, last = path.split(".")
    for key in above:
        plain = plain.get(key) if isinstance(plain, Mapping) else None
    return (plain if isinstance(plain, Mapping) else None), last


def at(plain: Plain, path: str) -> Any:
    """The value at a path of a config."""
    own, last = holder(plain, path)
    return own[last]


def open_in(plain: Plain) -> Iterator[str]:
    """The paths of a config with the word, where it is allowed."""
    for path in (*FOUND, FOLDS):
        own, last = holder(plain, path)
        if own is not None and own.get(last) == WORD:
            yield path


def settled(plain: Plain, seen: Seen, folds: int | None = None) -> Plain:
    """A config with the word replaced by values that follow from the data.

    Args:
        plain: the config, which is not modified.
        seen: what is known of its data.
        folds: the value for data.folds.
    """
    plain = copy.deepcopy(plain)
    for path in list(open_in(plain)):
        own, last = holder(plain, path)
        own[last] = folds if path == FOLDS else FOUND[path](seen)
    return plain
