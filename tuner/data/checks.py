"""What data must be before anything is trained on it; each check raises a UserError of one line."""

import numpy as np

from tuner.data.scaling import METHODS
from tuner.data.source import Source
from tuner.errors import UserError


def check_settings(fractions: dict[str, float], scale: str) -> None:
    """Each part's fraction is a share, together they leave a rest, and the scaling is known."""
    for part, fraction in fractions.items():
        if not 0 < fraction < 1:
            raise UserError(f"data.{part}_fraction: {fraction}: must be above 0 and below 1")
    if sum(fractions.values()) >= 1:
        raise UserError(f"{_join(fractions)}: together must be below 1, to leave rows to train on")
    if scale not in METHODS:
        raise UserError(f"data.scale: {scale!r}: must be one of {', '.join(METHODS)}")


def check_source(source: Source) -> None:
    """Every value is a finite number, and there are at least two classes."""
    _check_numbers(source.where, "rows", source.rows)
    if source.classes is None:
        _check_numbers(source.where, "targets", source.targets)
    elif len(source.classes) < 2:
        raise UserError(
            f"{source.where}: every row is of class {source.classes[0]}; must hold two or more"
        )


def _check_numbers(where: str, what: str, values: np.ndarray) -> None:
    if values.dtype.kind not in "buif":
        raise UserError(f"{where}: the {what} hold {values.dtype} values; must be numbers")
    if not values.size:
        raise UserError(f"{where}: the {what} are empty, of shape {values.shape}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise UserError(
            f"{where}: the {what} hold {values[row, column]} in row {row}, column {column} "
            "(counted from 0); must be finite: fill such values or leave the rows out"
        )


def check_parts(source: Source, parts: dict[str, np.ndarray], fractions: dict[str, float]) -> None:
    """Each part has a row of every class, so that none is empty."""
    for group in np.unique(source.groups):
        rows = np.flatnonzero(source.groups == group)
        these = "rows" if source.classes is None else f"rows of class {group}"
        if len(rows) < len(parts):
            raise UserError(
                f"{source.where}: only {len(rows)} {these}; must be {len(parts)} at least, "
                f"one each for {', '.join(parts)}"
            )
        for part, fraction in fractions.items():
            if not np.isin(rows, parts[part]).any():
                raise UserError(
                    f"data.{part}_fraction: {fraction}: leaves the {part} part none of the "
                    f"{len(rows)} {these}; must be above {0.5 / len(rows):.2g}"
                )
        if not np.isin(rows, parts["train"]).any():
            raise UserError(
                f"{_join(fractions)}: leave no row of the {len(rows)} {these} to train on"
            )


def check_test(
    rows: np.ndarray, targets: np.ndarray, *, inputs: int, classes: np.ndarray | None
) -> None:
    """A test part kept apart is like the training part: as many inputs, no other classes."""
    if rows.shape[1] != inputs:
        raise UserError(f"data.folder: test rows have {rows.shape[1]} values, training {inputs}")
    if classes is not None and len(unknown := np.setdiff1d(targets, classes)):
        raise UserError(f"data.folder: the test part has class {unknown[0]}, which training lacks")


def _join(fractions: dict[str, float]) -> str:
    return ", ".join(f"data.{part}_fraction: {fraction}" for part, fraction in fractions.items())
