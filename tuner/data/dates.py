"""Dates in tables: what is one, and what orders rows by time."""

import re
from typing import Any

import numpy as np

from tuner.errors import UserError

# 2026-11-22, 22.11.2026, 11/22/2026, each with a time of day behind it or none.
DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T ].*)?\s*")
LOOKED_AT = 100


def is_date(column: Any) -> bool:
    """Whether a column of a DataFrame holds dates, as such or as text that looks like them."""
    if column.dtype.kind in "mM" or str(column.dtype).startswith("period"):
        return True
    if column.dtype.kind in "biufc":
        return False
    some = column.dropna().iloc[:LOOKED_AT]
    return len(some) > 0 and all(
        hasattr(v, "isoformat") or (isinstance(v, str) and DATE.fullmatch(v)) for v in some
    )


def seconds(where: str, column: Any) -> np.ndarray:
    """What orders the rows: numbers as they are, dates as seconds since 1970.

    Args:
        where: the config key and value that named the column, for errors.
        column: of a DataFrame; dates in text must be ISO 8601, for 1.2.2026 is two days.

    Returns:
        (n,) float64.

    Raises:
        UserError: a column of anything else, or one that has gaps.
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        order = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        try:
            dates = pd.to_datetime(column, utc=True, format=None if _dated(column) else "ISO8601")
        except (ValueError, TypeError) as error:
            said = " ".join(str(error).split())[:100]
            raise UserError(
                f"{where}: must be a column of numbers, or of dates as 2026-11-22 ({said})"
            ) from error
        order = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(np.float64)
    missing = np.flatnonzero(~np.isfinite(order))
    if len(missing):
        raise UserError(
            f"{where}: has no time in row {missing[0]} (counted from 0); every row needs one"
        )
    return np.asarray(order)


def _dated(column: Any) -> bool:
    return bool(column.dtype.kind == "M")
