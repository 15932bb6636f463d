"""Dates as numbers: year, month, weekday, hour, days since the first, and a flag for none.

Month, weekday and hour go in circles, so each is two numbers, the sine and the cosine of its
angle: Sunday is beside Monday. The hour has minutes and seconds as its fraction. Dates with an
offset or a zone count in UTC.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tuner.data.dates import moments

# What there may be of a date, with how many different values a circle has; 0 where it is none.
CIRCLES = {"year": 0, "month": 12, "weekday": 7, "hour": 24, "days": 0, "missing": 0}
DAY = 86400.0  # seconds
MOST = len(CIRCLES) + sum(size > 0 for size in CIRCLES.values())  # columns that a date becomes


def found(column: Any, day_first: bool) -> dict[str, Any]:
    """What to make of a column of dates: the parts that tell training rows apart, and its origin.

    Args:
        column: of the training rows.
        day_first: as `tuner.data.dates.moments` has it.

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
    """The names of the columns that parts become."""
    ends = {True: (" sine", " cosine"), False: ("",)}
    return [f"{part}{end}" for part in parts for end in ends[CIRCLES[part] > 0]]


def numbers(rows: Any, columns: Mapping[str, Mapping[str, Any]]) -> np.ndarray:
    """The parts of dates, column by column: (n, all parts) float64; nan where there is no date.

    It is a step of the model that is saved, so its name and its arguments stay as they are.

    Args:
        rows: a DataFrame of dates, or of texts that are dates.
        columns: by name, what `found` made of each.

    Raises:
        ValueError: a value that is no date.
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
    """Each part of dates that `own` names, as (n,) float64."""
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
