"""auto: a setting that the data decide, and the value it gets.

Ranges follow from the rows that a trial learns from, its columns and what it predicts. The numbers
were found on real tables (benchmarks/tables.py); each function says what it rests on.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tuner.config.schema import Plain

WORD = "auto"

# Epochs of a trial on so many rows; fewer rows are passed over more often, so that steps grow as
# the two thirds power of the rows.
EPOCHS, ROWS = 30, 10_000
FEWEST_EPOCHS, MOST_EPOCHS = 5, 100

# Below so many rows, that a validation part of a fifth would say too little, this many folds.
SMALL, FEW_FOLDS = 2_000, 5

# Values of one layer's weights beyond which a network is left narrow.
WIDEST = 2_000_000


@dataclass(frozen=True)
class Seen:
    """What is known of data once they are read.

    Attributes:
        rows: that a trial learns from; of folds, in the largest.
        columns: that a model gets, after words have become columns.
        outputs: numbers that a model gives for a row.
    """

    rows: int
    columns: int
    outputs: int


# Stands for data that are not read yet: a config is checked before they are.
UNREAD = Seen(1000, 10, 1)


def ranged(low: float, high: float) -> Plain:
    """A range on a log scale."""
    return {"low": low, "high": high, "scale": "log"}


def epochs(seen: Seen) -> int:
    """Passes over the training rows: 30 for 10,000 rows, 65 for 1,000, 14 for 100,000."""
    wanted = EPOCHS * math.pow(ROWS / max(seen.rows, 1), 1 / 3)
    return min(max(round(wanted), FEWEST_EPOCHS), MOST_EPOCHS)


def batch_size(seen: Seen) -> Plain:
    """Two sizes, one four times the other: about the root of the rows, from 16 to 256."""
    size = 16
    while size < 256 and size * size * 2 < seen.rows:
        size *= 2
    return {"choices": [size, 4 * size]}


def hidden(seen: Seen) -> Plain:
    """No layer, which is a linear model, a narrow one, a wide one and two."""
    narrow, wide = (32, 128) if seen.rows < ROWS else (64, 256)
    if seen.columns * wide > WIDEST:
        return {"choices": [[narrow], []]}
    return {"choices": [[narrow], [], [wide], [wide // 2, wide // 2]]}


def dropout(seen: Seen) -> Plain:
    """None to a half."""
    return {"low": 0.0, "high": 0.5}


def l2(seen: Seen) -> Plain:
    """From next to nothing to what leaves the mean of the targets alone.

    In the gradient, which Adam scales: on tables it did better than decay beside it (on churn a log
    loss of 0.183 where decoupled decay of 0.001 to 3 reached 0.224, and of 0.01 to 30 0.218).
    """
    return ranged(1e-6, 1e-1)


def rate(seen: Seen) -> Plain:
    """Of Adam."""
    return ranged(1e-3, 1e-1)


# What stands for the word, by path; data.folds, for which it stands too, is said by the loader.
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
    """The mapping that holds the last key of a path, None where there is none; and that key."""
    *above, last = path.split(".")
    for key in above:
        plain = plain.get(key) if isinstance(plain, Mapping) else None
    return (plain if isinstance(plain, Mapping) else None), last


def at(plain: Plain, path: str) -> Any:
    """The value at a path of a config."""
    own, last = holder(plain, path)
    return own[last]


def open_in(plain: Plain) -> Iterator[str]:
    """The paths of a config at which the word stands and may stand."""
    for path in (*FOUND, FOLDS):
        own, last = holder(plain, path)
        if own is not None and own.get(last) == WORD:
            yield path


def settled(plain: Plain, seen: Seen, folds: int | None = None) -> Plain:
    """A config with what follows from the data in the place of the word.

    Args:
        plain: the config, which is not changed.
        seen: of its data.
        folds: what data.folds stands for.
    """
    plain = copy.deepcopy(plain)
    for path in list(open_in(plain)):
        own, last = holder(plain, path)
        own[last] = folds if path == FOLDS else FOUND[path](seen)
    return plain
