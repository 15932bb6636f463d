"""Text columns: each word becomes a TF-IDF column."""

from tuner.data import files
from tuner.data.readers import table
from tuner.data.source import Source


def read(
    path: str,
    target: str | list[str],
    text: str | list[str],
    sample_weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    separator: str | None = None,
    missing: str | list[str | int | float] | None = None,
) -> Source:
    """Reads text columns and targets of a table; other columns are left out.

    Args:
        path: path of the table, as for the reader `table`.
        target: columns to predict, one or several.
        text: one text column or several, each with its own words.
        sample_weight, group, time: columns with weights, groups and times.
        separator, missing: settings of a CSV, as for the reader `table`.

    Raises:
        UserError: the file is not a table, or lacks a column.
    """
    return table.read(
        path,
        target,
        features=files.listed(text),
        text=text,
        sample_weight=sample_weight,
        group=group,
        time=time,
        separator=separator,
        missing=missing,
    )
