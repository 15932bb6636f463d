"""Dates as numbers: year, month, weekday, hour, days since the first, and a missing flag.

Month, weekday and hour are cyclic, so each becomes two numbers, the sine and the cosine of its
angle: Sunday is next to Monday. The hour includes minutes and seconds as a fraction. Dates with an
offset or a time zone are converted to UTC.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tuner.data.dates import moments

# The parts of a date, with the period of cyclic parts; 0 for the others.
CIRCLES = {"year": 0, "month": 12, "weekday": 7, "hour": 24, "days": 0, "missing": 0}
DAY = 86400.0  # seconds
MOST = len(CIRCLES) + sum(size > 0 for size in CIRCLES.values())  # columns per date


def found(column: Any, day_first: bool) -> dict[str, Any]:
    """How to encode a column of dates: the parts that vary in training rows, and its first date.

    Args:
        column: the column, training rows only.
        day_first: as for `tuner.data.dates.moments`.

    Returns:
        The arguments of `numbers` for this column.
    """
    dates = moments(column, day_first)
    since = str(dates.min()) if dates.notna().any() else "1970-01-01"
    made = {"day_first": day_first, "since": since, "parts": [*CIRCLES]}
    values = _values(dates, made)
    differ = [part for part in CIRCLES if len(np.unique(values[part][~np.isnan(values[part])])) > 1]
    return {**made, "parts": [p for p in CIRCLES if p in differ or p == "days"]}


def named(parts: list[str]) -> list[str]:
    """The names of the columns of these parts."""
    ends = {True: (" sine", " cosine"), False: ("",)}
    return [f"{part}{end}" for part in parts for end in ends[CIRCLES[part] > 0]]


def numbers(rows: Any, columns: Mapping[str, Mapping[str, Any]]) -> np.ndarray:
    """The parts of dates, column by column: (n, all parts) float64; nan where a date is missing.

    Saved models refer to this function, so its name and its arguments must not change.

    Args:
        rows: a DataFrame of dates, or of texts of dates.
        columns: the result of `found` for each column, by name.

    Raises:
        ValueError: a value is not a date.
    """
    made = []
    for name, own in columns.items():
        values = _values(moments(rows[name], bool(own["day_first"])), own)
        for part in own["parts"]:
            if not CIRCLES[part]:
                made.append(values[part])
                continue
            angle = 2 * np.pi * values[part] / CIRCLES[part]
            made += [np.sin(angle), np.cos(angle)]
    return np.stack(made, axis=1) if made else np.empty((len(rows), 0))


def _values(dates: Any, own: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The parts that `own` names, each (n,) float64."""
    import pandas as pd

    at, given = dates.dt, dates.notna()
    passed = at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1e6
    days = (dates - pd.Timestamp(str(own["since"]))).dt.total_seconds() / DAY
    every = {
        "year": at.year,
        "month": at.month - 1,
        "weekday": at.day_of_week,
        "hour": passed / 3600,
        "days": days,
        "missing": 1.0 - given,
    }
    return {part: every[part].to_numpy(np.float64, na_value=np.nan) for part in own["parts"]}
