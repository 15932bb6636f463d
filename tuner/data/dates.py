"""Dates in tables: which columns are dates, their format, and the order of rows by time."""

import re
from typing import Any

import numpy as np

from tuner.errors import UserError

# 2026-11-22, 22.11.2026, 11/22/2026, each with or without a time of day; 20261122T103000.
DATE = re.compile(
    r"\s*((\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T ].*)?|\d{8}T\d{4,6})\s*"
)
LOOKED_AT = 100
LETTERS = 60  # maximum length of a date
# The three numbers of a date, and the rest of the text.
NUMBERS = r"^(\d{1,4})([-/.])(\d{1,2})[-/.](\d{1,4})(?:[T ]([^\n]+))?$"
CLOCK = r"^ ?(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,9})?))? ?(?:([AaPp])\.?[Mm]\.?)?$"


def is_date(column: Any) -> bool:
    """Whether a column of a DataFrame holds dates, or texts that look like dates."""
    if column.dtype.kind in "mM" or str(column.dtype).startswith("period"):
        return True
    if column.dtype.kind in "biufc":
        return False
    some = column.dropna().iloc[:LOOKED_AT]
    return len(some) > 0 and all(hasattr(v, "isoformat") or _is_written(v) for v in some)


def _is_written(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LETTERS and bool(DATE.fullmatch(value))


def is_day_first(where: str, column: Any, asked: bool | None) -> bool:
    """Whether the day is before the month in a column's texts, as given or inferred.

    A number above 12 is a day. If dots separate the numbers, the day is first.

    Args:
        where: names the column, at the start of an error.
        column: the column of a DataFrame.
        asked: the setting of the user, or None.

    Raises:
        UserError: the order cannot be inferred, or a value is not a date.
    """
    first = _looked_at(where, column) if asked is None else asked
    try:
        moments(column, first)
    except ValueError as error:
        raise UserError(
            f"{where} holds {error}, which is not a date; if it is a missing value, "
            "add it to data.missing; "
            "or give the column as data.categorical, or data.exclude"
        ) from error
    return first


def _looked_at(where: str, column: Any) -> bool:
    if column.dtype.kind in "mM" or str(column.dtype).startswith("period"):
        return True
    texts = _texts(column.drop_duplicates().dropna())
    found = texts[~texts.str.slice(0, 4).str.isdigit()].str.extract(NUMBERS)
    found = found[found[0].str.len() <= 2]
    if not len(found) or (found[1] == ".").all():
        return True
    days, months = ((found[place].astype("int64") > 12).any() for place in (0, 2))
    if days == months:
        shown = next(iter(found[found[2].astype("int64") <= 12].index), found.index[0])
        raise UserError(
            f"data.day_first: {where} holds {str(column[shown])!r}, where the day or the month may "
            "stand first; give data.day_first=true or false"
        )
    return bool(days)


def _texts(values: Any) -> Any:
    """Values as stripped texts, cut off just beyond the longest possible date."""
    return values.astype(object).astype(str).str.strip().str.slice(0, LETTERS + 1)


def moments(column: Any, day_first: bool) -> Any:
    """The dates of a column as datetime64 in UTC, without a time zone; NaT if missing.

    Args:
        column: a column of a DataFrame: dates of any type, or texts in ISO 8601, or three numbers
            with dots, slashes or dashes; texts may have a time of day.
        day_first: whether texts such as 1/2/2026 begin with the day.

    Raises:
        ValueError: a value is not a date; the message is the value.
    """
    import pandas as pd

    if str(column.dtype).startswith("period"):
        column = column.dt.to_timestamp()
    if column.dtype.kind == "M":
        return column if column.dt.tz is None else column.dt.tz_convert(None)
    if column.dtype.kind in "biufcm" and column.notna().any():
        raise ValueError(repr(column.dropna().iloc[0]))
    codes, values = pd.factorize(column)
    texts = _texts(pd.Series(values, dtype=object))
    try:
        made = pd.to_datetime(texts, utc=True, format="ISO8601").dt.tz_convert(None)
    except ValueError:
        made = _of_numbers(texts, day_first)
    kind = made.dtype if len(made) else "datetime64[us]"
    padded = np.append(made.to_numpy(kind), np.array(["NaT"], kind))
    return pd.Series(padded[codes], index=column.index)


def _of_numbers(texts: Any, day_first: bool) -> Any:
    """Texts of three numbers with separators, as datetime64."""
    import pandas as pd

    found = texts.str.extract(NUMBERS)
    first, second, third = (found[place].astype("float64") for place in (0, 2, 3))
    year_first = found[0].str.len() == 4
    parts = {
        "year": first.where(year_first, third),
        "month": second.where(year_first, second if day_first else first),
        "day": third.where(year_first, first if day_first else second),
    }
    made = pd.to_datetime(pd.DataFrame(parts), errors="coerce").astype("datetime64[us]")
    clock = found[4].str.extract(CLOCK)
    hour, minute, second = (clock[place].astype("float64") for place in range(3))
    half = clock[3].str.lower()
    bad = made.isna() | (parts["year"] < 1000) | (found[4].notna() & clock[0].isna())
    bad |= (hour > np.where(half.isna(), 23, 12)) | (minute > 59)
    if bad.any():
        raise ValueError(repr(texts[bad].iloc[0]))
    hour = hour.where(half.isna(), hour % 12 + 12 * (half == "p"))
    passed = (3600 * hour + 60 * minute).fillna(0) + second.fillna(0)
    return made + pd.to_timedelta((passed * 1e6).round().astype("int64"), unit="us")


def seconds(where: str, column: Any, day_first: bool | None) -> np.ndarray:
    """Numbers to order rows by: numbers unchanged, dates as seconds since 1970.

    Args:
        where: the config key and value that named the column, for errors.
        column: a column of a DataFrame, whose index is the row number in the file.
        day_first: whether texts such as 1/2/2026 begin with the day; None to infer it.

    Returns:
        (n,) float64.

    Raises:
        UserError: the column holds neither numbers nor dates, or a value is missing.
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        order = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        try:
            first = _looked_at(where, column) if day_first is None else day_first
            dates = moments(column, first)
        except ValueError as error:
            raise UserError(
                f"{where}: must be a column of numbers, or of dates as 2026-11-22, and holds "
                f"{error}"
            ) from error
        order = (dates - pd.Timestamp(0)).dt.total_seconds().to_numpy(np.float64)
    missing = np.flatnonzero(~np.isfinite(order))
    if len(missing):
        raise UserError(
            f"{where}: has no time in row {column.index[missing[0]]} (counted from 0); every row "
            "needs one"
        )
    return np.asarray(order)
