"""Text columns: each word becomes a column, weighted by TF-IDF."""

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
    """The columns of text of a table, and what to predict from them; other columns are left out.

    Args:
        path: of the table, as the reader `table` takes it.
        target: what to predict, one column or several.
        text: one column of text, or several, each with words of its own.
        sample_weight, group, time: columns of these.
        separator, missing: of a CSV, as of the reader `table`.

    Raises:
        UserError: the file is no table, or does not have those columns.
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
