"""Checks of data before training; each raises a UserError of one line."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tuner.data import memory, scaling, table_checks
from tuner.data.encoding import Encoding
from tuner.data.source import Source, is_sparse, is_table
from tuner.data.splits import Split
from tuner.data.targets import Target
from tuner.errors import UserError

BLOCK = 4096  # rows per block; rows may be on disk
# Only ratios of weights matter; float32 sums of larger or smaller weights are inexact.
HEAVIEST, LIGHTEST = 1e15, 1e-15
TEST_FRACTION = 0.2
CLASS_WEIGHTS = ("balanced",)
FEW = 20  # integer targets with more classes are likely not classes


def check_settings(
    fractions: dict[str, float], scale: str, folds: int | None, class_weight: str | None
) -> None:
    """Checks that fractions are valid and leave rows for training, and that names are known.

    Args:
        fractions: the share of all rows of each part that is split off.
        scale: a method of tuner.data.scaling.
        folds: number of folds, or None.
        class_weight: one of CLASS_WEIGHTS, or None.

    Raises:
        UserError: a setting is invalid.
    """
    for part, fraction in fractions.items():
        if not 0 < fraction < 1:
            raise UserError(f"data.{part}_fraction: {fraction}: must be above 0 and below 1")
    if sum(fractions.values()) >= 1:
        raise UserError(f"{_join(fractions)}: together must be below 1, to leave rows to train on")
    if scale not in scaling.NAMES:
        raise UserError(f"data.scale: {scale!r}: must be one of {', '.join(scaling.NAMES)}")
    if folds is not None and folds < 2:
        raise UserError(f"data.folds: {folds}: must be 2 at least, or null for one validation part")
    if class_weight is not None and class_weight not in CLASS_WEIGHTS:
        raise UserError(
            f"data.class_weight: {class_weight!r}: must be null or {', '.join(CLASS_WEIGHTS)}"
        )


def check_source(source: Source, encoding: Encoding | None = None) -> None:
    """Checks that values are finite, or missing in a table, and that each row has a target.

    Args:
        source: the source to check.
        encoding: the settings for columns of words and texts.

    Raises:
        UserError: a check fails, or groups are given with times.
    """
    where, rows, encoding = source.where, source.rows, encoding or Encoding()
    if is_table(rows):
        table_checks.check(where, rows, source.kinds, encoding)
    elif is_sparse(rows):
        mend = "give data with fewer columns"
        memory.check(f"{where}: {rows.shape[1]} columns", memory.COLUMN * rows.shape[1], mend)
        _check_numbers(where, rows.data.reshape(-1, 1), rows.shape)
    else:
        _check_numbers(where, rows, rows.shape)
    if not is_table(rows):
        encoding.check((), ())
    if rows.shape[0] != len(source.targets):
        raise UserError(f"{where}: {rows.shape[0]} rows, but {len(source.targets)} targets")
    if source.groups is not None and source.times is not None:
        raise UserError("data.group: cannot be combined with data.time: give one of the two")
    if source.groups is not None:
        _check_groups(source, source.groups)
    if source.times is not None:
        _check_vector(source, "the times", source.times, -np.inf, np.inf)
    if source.weights is not None:
        _check_vector(source, "the sample weights", source.weights, 0, HEAVIEST)
        if 0 < source.weights.max() < LIGHTEST:
            raise UserError(
                f"{where}: no sample weight is above {source.weights.max():g}; weights count by "
                f"their ratios: give larger ones, {LIGHTEST:g} at least"
            )


def _check_numbers(where: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    if values.dtype.kind not in "buif":
        raise UserError(f"{where}: the rows hold {values.dtype} values; must be numbers")
    if not np.prod(shape):
        raise UserError(f"{where}: the rows are empty, of shape {tuple(shape)}")
    if values.dtype.kind != "f":
        return
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        most = scaling.LARGEST
        if not -most <= block.min() <= block.max() <= most:
            good = np.abs(block) <= most
            row, column = (int(i) for i in np.argwhere(~good)[0])
            place = f"row {start + row}, column {column} (counted from 0)"
            if values.shape != tuple(shape):
                place = f"number {start + row} (counted from 0) of those that are not zero"
            raise UserError(
                f"{where}: the rows hold {block[row, column]} in {place}; must be finite, and "
                f"{most:g} at most: fill such values or drop the rows (a table's gaps are "
                "filled)"
            )


def _check_groups(source: Source, groups: np.ndarray) -> None:
    where = source.where
    missing = [i for i, g in enumerate(groups.tolist()) if g is None or g != g]
    if missing:
        row = source.number(missing[0])
        raise UserError(f"{where}: row {row} (counted from 0) has no group; must have one")
    if groups.dtype.kind == "O" and len({type(g) for g in groups}) > 1:
        raise UserError(f"{where}: the groups mix numbers and text; must be of one kind")


def _check_vector(source: Source, what: str, values: np.ndarray, least: float, most: float) -> None:
    what = f"{source.where}: {what}"
    if values.dtype.kind not in "buif":
        raise UserError(f"{what} hold {values.dtype} values; must be numbers")
    bad = ~np.isfinite(values) | (values < least) | (values > most)
    if bad.any():
        first = int(np.argmax(bad))
        said, row = "finite" if least < 0 else f"from {least} to {most:g}", source.number(first)
        raise UserError(
            f"{what} hold {values[first]} in row {row} (counted from 0); must be {said}"
        )


def check_weights(where: str, weights: np.ndarray, target: Target, split: Split) -> None:
    """Checks that each part has a positive weight, and each training part one for every class.

    Args:
        where: the config key and value that named the source.
        weights: (n,) weights of the rows.
        target: the targets of the rows.
        split: the parts.

    Raises:
        UserError: a part or a class has no positive weight.
    """
    parts = {"test": [split.test] if len(split.test) else []}
    parts |= {"training": [t for t, _ in split.folds], "validation": [v for _, v in split.folds]}
    for part, pieces in parts.items():
        if any(not weights[rows].any() for rows in pieces):
            raise UserError(f"{where}: all sample weights of the {part} part are 0; must be above")
    counts = weights > 0
    for place, rows in [("", np.arange(len(weights)))] + [
        (" of a training part", train) for train, _ in split.folds
    ]:
        for what, held in _kinds(target, rows):
            if not counts[rows[held]].any():
                raise UserError(
                    f"{where}: all sample weights of {what}{place} are 0, so nothing is learnt "
                    "of it; leave it out, or give it weights above"
                )


def _kinds(target: Target, rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each class, or each value of each label, in words, with a mask of the rows that have it."""
    values = target.values[rows]
    if target.classes is not None:
        yield from ((f"class {label}", values == label) for label in np.unique(values))
    elif target.task == "multilabel":
        for label, column in enumerate(values.T):
            for value in np.unique(column):
                yield f"rows with {value} as label {label} (counted from 0)", column == value


def check_classes(source: Source, target: Target, fractions: dict[str, float], folds: int) -> None:
    """Checks before the split that every class has enough rows for each part to get one.

    Args:
        source, target: the data.
        fractions: the share of all rows of each part that is split off.
        folds: number of folds; 1 for one validation part.

    Raises:
        UserError: a class has too few rows.
    """
    if source.groups is not None or source.times is not None:
        return
    parts = [*fractions, "train"] if folds == 1 else ["test", f"{folds} folds"]
    for stratum, count in zip(*np.unique(target.strata, return_counts=True), strict=True):
        these = "rows" if target.classes is None else f"rows of class {stratum}"
        if folds > 1:
            held = round(fractions["test"] * count) if "test" in fractions else 0
            if count - held < folds:
                raise UserError(
                    f"data.folds: {folds}: only {count - held} {these} are left beside the test "
                    f"part; must be {folds} at least, one for each fold{_hint(source, target)}"
                )
        elif count < len(parts):
            raise UserError(
                f"{source.where}: only {count} {these}; must be {len(parts)} at least, "
                f"one each for {', '.join(parts)}{_hint(source, target)}"
            )


def _hint(source: Source, target: Target) -> str:
    """A hint for many integer classes, which may be numbers to predict."""
    few = target.classes is None or len(target.classes) <= FEW
    if few or target.values.dtype.kind not in "iu":
        return ""
    return "; or give data.task=regression, if it is a number to predict"


def check_split(
    source: Source, target: Target, fractions: dict[str, float], split: Split, folds: int | None
) -> None:
    """Checks that each part has a row of every class; by group or time, each training part.

    Args:
        source, target: the data.
        fractions: the share of all rows of each part that is split off.
        split: the parts.
        folds: number of folds, or None.

    Raises:
        UserError: a part lacks a class.
    """
    if source.groups is None and source.times is None:
        for stratum in np.unique(target.strata):
            rows = np.flatnonzero(target.strata == stratum)
            these = "rows" if target.classes is None else f"rows of class {stratum}"
            _check_fractions(rows, these, fractions, split, folds)
        return
    key = "data.group" if source.times is None else "data.time"
    for number, (train, _) in enumerate(split.folds):
        if target.classes is None:
            continue
        missing = np.setdiff1d(target.classes, target.values[train])
        if len(missing):
            place = f" of fold {number}" if len(split.folds) > 1 else ""
            raise UserError(
                f"{key}: leaves the training part{place} no row of class {missing[0]}; give "
                "other parts or fewer folds, or leave the class out"
            )


def _check_fractions(
    rows: np.ndarray, these: str, fractions: dict[str, float], split: Split, folds: int | None
) -> None:
    parts = {"validation": split.folds[0][1], "test": split.test}
    for part, fraction in fractions.items():
        if part == "validation" and folds is not None:
            continue
        if not np.isin(rows, parts[part]).any():
            raise UserError(
                f"data.{part}_fraction: {fraction}: leaves the {part} part none of the "
                f"{len(rows)} {these}; must be above {0.5 / len(rows):.2g}"
            )
    if not np.isin(rows, split.folds[0][0]).any():
        raise UserError(f"{_join(fractions)}: leave no row of the {len(rows)} {these} to train on")


def check_test(rows: np.ndarray, targets: Any, *, inputs: int, classes: np.ndarray | None) -> None:
    """Checks that a separate test part has as many columns as training, and no new classes.

    Args:
        rows, targets: the raw test part.
        inputs: number of columns of the training part.
        classes: its labels, or None.

    Raises:
        UserError: it does not fit.
    """
    if rows.shape[1] != inputs:
        raise UserError(f"data.folder: test rows have {rows.shape[1]} values, training {inputs}")
    if classes is not None and len(unknown := np.setdiff1d(targets, classes)):
        raise UserError(f"data.folder: the test part has class {unknown[0]}, which training lacks")


def _join(fractions: dict[str, float]) -> str:
    return ", ".join(f"data.{part}_fraction: {fraction}" for part, fraction in fractions.items())


def shares(
    source: Source, validation_fraction: float, test_fraction: float | None
) -> dict[str, float]:
    """The share of each part that must be split off.

    Args:
        source: the data, which may have a test part of its own.
        validation_fraction: share of all rows.
        test_fraction: share of all rows; None is TEST_FRACTION.

    Raises:
        UserError: a test share is given, but the source has a test part already.
    """
    if source.read_test is None:
        share = TEST_FRACTION if test_fraction is None else test_fraction
        return {"validation": validation_fraction, "test": share}
    if test_fraction is not None:
        raise UserError(
            f"data.test_fraction: {test_fraction}: leave it out, the data set has its own test part"
        )
    return {"validation": validation_fraction}
