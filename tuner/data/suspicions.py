"""Warnings about a table: reports what may spoil a study, and changes nothing.

Each warning names columns and the setting that leaves them out. Raw values are examined; targets
only outside the test part.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from tuner.data import numerals
from tuner.data.date_parts import DAY
from tuner.data.dates import moments
from tuner.data.kinds import listing
from tuner.data.source import Source, is_table
from tuner.data.splits import Split
from tuner.data.targets import Target
from tuner.errors import setting

# The number of evenly spread rows that are searched for columns that predict the target.
LOOKED_AT = 20_000
# A column predicts the target by itself above this ROC AUC, or squared rank correlation.
TELLS = 0.999
# Minimum numbers for a suspicion. FEWEST: rows per class, and different values for ranks; FEW_ROWS:
# rows in all; FEW_WORDS: rows for a column of unique categories.
FEWEST, FEW_ROWS, FEW_WORDS = 10, 50, 20
BINS, PER_BIN = 50, 8
# A column of categories is suspected to be numbers above this share of numbers.
MOSTLY = 0.8
# Copies are reported from this share of a part's rows on, and from SEVERAL rows on. If the share of
# distinct rows is below DISTINCT, copies are normal, because columns have few values.
COPIES, SEVERAL, DISTINCT = 0.01, 3, 0.5
Measure = Callable[[np.ndarray], float]
NAMES = ("id", "uuid", "guid", "key", "index", "no", "nr", "number", "rownames")


def suspicions(source: Source, target: Target, split: Split) -> tuple[str, ...]:
    """A line for each kind of suspicion, the most serious first.

    Args:
        source: the rows; there are no suspicions unless they are a table.
        target: the targets of the rows.
        split: the parts.
    """
    if not is_table(source.rows):
        return ()
    checks: tuple[Callable[..., Iterator[str]], ...] = (tells, copies, ids, texts, constant)
    return tuple(line for check in checks for line in check(source, target, split))


def tells(source: Source, target: Target, split: Split) -> Iterator[str]:
    """Columns that predict the target by themselves: computed from it, or known only later."""
    rest = split.rest[:: max(1, len(split.rest) // LOOKED_AT)]
    if len(rest) < FEW_ROWS:
        return
    rows = source.rows.iloc[rest]
    if target.classes is not None:
        labels, codes = np.unique(target.values[rest], return_inverse=True)
        if len(labels) < 2 or np.bincount(codes).min() < FEWEST:
            return
        classes = len(labels)
        words: Measure
        numbers: Measure
        words, numbers = partial(_tells_class, codes, classes), partial(_orders, codes, classes)
    elif target.task == "regression" and target.values.shape[1] == 1:
        words, numbers = _tells_nothing, partial(_tells_number, target.values[rest, 0])
    else:
        return
    found = []
    for name in rows:
        values, ordered = _values(source, rows, name)
        if (numbers if ordered else words)(values) > TELLS:
            found.append(name)
    if found:
        one = len(found) == 1
        yield (
            f"{listing(found, 'column')} {'predicts' if one else 'predict'} the target by "
            f"{'itself' if one else 'themselves'}; if {'it is' if one else 'they are'} computed "
            f"from the target, or known only later, give {setting('data.exclude', found)}"
        )


def _values(source: Source, rows: Any, name: str) -> tuple[np.ndarray, bool]:
    """A column as (n,) float64, nan if missing, and whether its order has a meaning.

    Categories are numbered as they occur, so that their order has none.
    """
    column = rows[name]
    if name in source.kinds.numbers:
        return column.to_numpy(np.float64, na_value=np.nan), True
    if name in source.kinds.dates:
        dates = moments(column, source.kinds.dates[name])
        passed = (dates - dates.min()).dt.total_seconds() / DAY
        return passed.to_numpy(np.float64, na_value=np.nan), True
    codes, _ = column.factorize(use_na_sentinel=True)
    return np.where(codes < 0, np.nan, codes).astype(np.float64), False


def _orders(codes: np.ndarray, classes: int, values: np.ndarray) -> float:
    """Like `_tells_class`, for numbers, whose order may also separate two classes."""
    area = _area(values, codes == 1) if classes == 2 and not np.isnan(values).any() else 0.5
    distinct = np.unique(values[~np.isnan(values)])
    if len(distinct) > BINS:
        shares = np.linspace(0, 1, min(BINS, len(values) // PER_BIN) + 1)[1:-1]
        edges = np.unique(np.quantile(values[~np.isnan(values)], shares))
        values = np.where(np.isnan(values), np.nan, np.searchsorted(edges, values))
    return max(area, 1 - area, _tells_class(codes, classes, values))


def _tells_class(codes: np.ndarray, classes: int, values: np.ndarray) -> float:
    """The lowest ROC AUC of a class against the rest, predicted from a column of few values.

    Class shares per value, or for missing values, are computed on one half of the rows and
    evaluated on the other half.
    """
    distinct, bins = np.unique(values, return_inverse=True, equal_nan=True)
    count = len(distinct)
    if count > len(values) / 4:
        return 0.5
    half = np.random.default_rng(0).permutation(len(values)) % 2 == 0
    table = np.zeros((count, classes))
    np.add.at(table, (bins[half], codes[half]), 1)
    # A bin without rows in the first half predicts equal shares.
    shares = (table + 1e-9) / (table.sum(axis=1, keepdims=True) + classes * 1e-9)
    told, own = shares[bins[~half]], codes[~half]
    return min(_area(told[:, label], own == label) for label in range(classes))


def _area(scores: np.ndarray, positive: np.ndarray) -> float:
    """The area under the ROC curve."""
    count = positive.sum()
    if not 0 < count < len(positive):
        return 0.5
    wins = _ranks(scores)[positive].sum() - count * (count + 1) / 2
    return float(wins / (count * (len(positive) - count)))


def _tells_nothing(values: np.ndarray) -> float:
    """Categories have no ranks to correlate with numbers."""
    return 0.0


def _tells_number(target: np.ndarray, values: np.ndarray) -> float:
    """The squared correlation of the ranks of a column with those of the target."""
    good = ~np.isnan(values)
    if good.sum() < max(FEW_ROWS, len(values) / 2) or len(np.unique(values[good])) <= FEWEST:
        return 0.0
    return float(np.corrcoef(_ranks(values[good]), _ranks(target[good]))[0, 1] ** 2)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[places])


def copies(source: Source, target: Target, split: Split) -> Iterator[str]:
    """Rows of validation and test that are also in training, including the target."""
    from pandas.util import hash_pandas_object

    marks = hash_pandas_object(source.rows, index=False).to_numpy()
    values = target.values.reshape(len(marks), -1)
    for column in values.T:
        _, codes = np.unique(column, return_inverse=True)
        marks = marks * np.uint64(1099511628211) + codes.astype(np.uint64)
    if len(np.unique(marks)) < DISTINCT * len(marks):
        return
    pairs = [
        (np.isin(marks[after], marks[train]).sum(), len(after)) for train, after in split.folds
    ]
    parts = {"validation": tuple(np.sum(pairs, axis=0))}
    parts["test"] = np.isin(marks[split.test], marks[split.rest]).sum(), len(split.test)
    said = [
        f"{copied} of {rows} rows of the {part} part"
        for part, (copied, rows) in parts.items()
        if copied >= max(SEVERAL, COPIES * rows)
    ]
    if said:
        yield (
            f"{' and '.join(said)} are copies of rows to train on, target included: their scores "
            "may be too good; remove the copies from the file, or give data.group"
        )


def ids(source: Source, target: Target, split: Split) -> Iterator[str]:
    """Columns of unique categories or integers that name or count the rows."""
    found = []
    for name in source.kinds.numbers:
        column = source.rows[name]
        if column.dtype.kind not in "iu" or len(column) < FEW_ROWS or not column.is_unique:
            continue
        ends = name.lower().replace("-", "_").replace(" ", "_").rpartition("_")[2]
        named = ends in NAMES or name.endswith(("Id", "ID"))
        counts = int(column.max()) - int(column.min()) < 2 * len(column)
        if named or (counts and column.is_monotonic_increasing):
            found.append(name)
    for name in source.kinds.words:
        column = source.rows[name]
        if len(column) >= FEW_WORDS and column.is_unique and name not in source.said.categorical:
            found.append(name)
    if found:
        one = len(found) == 1
        yield (
            f"{listing(found, 'column')} {'has' if one else 'have'} a different value in each row; "
            f"if {'it' if one else 'they'} only {'numbers' if one else 'number'} or "
            f"{'names' if one else 'name'} the rows, give {setting('data.exclude', found)}"
        )


def texts(source: Source, target: Target, split: Split) -> Iterator[str]:
    """Columns of categories that are mostly numbers."""
    for name in source.kinds.words:
        column = source.rows[name]
        if name in source.said.categorical or column.dtype.kind in "biuf":
            continue
        counts = column.dropna().value_counts()
        if not len(counts) or not all(isinstance(word, str) for word in counts.index):
            continue
        are = numerals.written(counts.index.to_series().str.strip()).to_numpy(bool)
        share = counts[are].sum() / counts.sum()
        if share < MOSTLY or are.sum() <= FEWEST:
            continue
        others = [repr(word[:30]) for word in counts.index[~are][:3]]
        but = f" except {', '.join(others)}{', ...' if (~are).sum() > 3 else ''}" if others else ""
        gaps = ", and the rest as missing values" if others else ""
        yield (
            f"column {name} is read as categories, but holds numbers{but}: "
            f"{setting('data.numeric', [name])} reads it as numbers{gaps}"
        )


def constant(source: Source, target: Target, split: Split) -> Iterator[str]:
    """Columns with a single value, which carry no information."""
    found = []
    for name in source.rows:
        column = source.rows[name]
        first = column.iloc[0]
        same = column.isna() if first is None or first != first else column == first
        if bool(np.asarray(same.fillna(False), bool).all()):
            found.append(name)
    if found:
        holds = "holds" if len(found) == 1 else "hold"
        yield (
            f"{listing(found, 'column')} {holds} one value in all rows, which teaches nothing: "
            f"{setting('data.exclude', found)}"
        )
