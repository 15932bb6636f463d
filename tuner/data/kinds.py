"""Kinds of columns: numbers, categories, ordered categories, dates or text."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tuner.data.dates import is_date, is_day_first
from tuner.data.source import Kinds, Said, Source, is_table
from tuner.errors import UserError, did_you_mean, setting

# A column with more categories than this identifies rows, if they are more than half of the rows.
MANY = 100
# pandas' names for the kinds of values that can be categories; "empty" is a column without values.
WORDS = {"string", "boolean", "integer", "floating", "empty"}
SHOWN = 5


def settled(source: Source) -> Source:
    """The source with the kinds of its columns; sources other than tables are returned unchanged.

    A column of categories that identify rows is left out, with a note.

    Raises:
        UserError: a setting does not fit its column, or a value is not a date.
    """
    if not is_table(source.rows):
        return source
    kinds, apart = look(source.where, source.rows, source.said)
    if not apart:
        return replace(source, kinds=kinds, notes=(*source.notes, *_dates(kinds)))
    rows = source.rows.drop(columns=list(apart))
    if not rows.shape[1]:
        raise UserError(f"{source.where}: {next(iter(apart.values()))}; no other column is left")
    return replace(
        source, rows=rows, kinds=kinds, notes=(*source.notes, *apart.values(), *_dates(kinds))
    )


def look(where: str, rows: Any, said: Said) -> tuple[Kinds, dict[str, str]]:
    """The kinds of all columns, and the columns that identify rows, with a note for each.

    Args:
        where: the config key and value that named the source.
        rows: a DataFrame.
        said: the user's settings for its columns.

    Raises:
        UserError: as in `settled`.
    """
    made: dict[str, Any] = {"numbers": [], "words": [], "levels": {}, "dates": {}, "texts": []}
    apart: dict[str, str] = {}
    for name in rows.columns:
        column = rows[name]
        if name in said.text:
            made["texts"].append(name)
        elif name in said.ordinal:
            made["levels"][name] = levels(name, column, said.ordinal[name])
        elif name in said.categorical:
            made["words"].append(name)
        elif column.dtype.kind in "iuf":
            made["numbers"].append(name)
        elif is_date(column):
            made["dates"][name] = _day_first(where, name, column, said)
        elif note := _tells_apart(where, name, column, said):
            apart[name] = note
        else:
            made["words"].append(name)
    for kind in ("numbers", "words", "texts"):
        made[kind] = tuple(made[kind])
    return Kinds(**made), apart


def levels(name: str, column: Any, given: Sequence[Any]) -> tuple[Any, ...]:
    """The levels of an ordered column, in the type of its values.

    Args:
        name: the name of the column.
        column: the column of a DataFrame.
        given: its levels, lowest first.

    Raises:
        UserError: there are fewer than two levels, one occurs twice, or the column holds other
            values.
    """
    key = f"data.ordinal: {name}"
    if column.dtype.kind in "iuf":
        numbers = [_number(key, level) for level in given]
        if numbers != sorted(set(numbers)):
            raise UserError(f"{key}: {given}: numbers have their order: must ascend, each once")
        found: tuple[Any, ...] = tuple(numbers)
    elif column.dtype.kind == "b":
        found = tuple(level for level in given if isinstance(level, bool))
        if len(given) != len(found) or found != tuple(sorted(set(found))):
            raise UserError(f"{key}: {given}: holds true and false: must be [false, true]")
    else:
        found = tuple(str(level) for level in given)
        if len(set(found)) < len(found):
            raise UserError(f"{key}: {list(found)}: must name each once")
    if len(found) < 2:
        raise UserError(f"{key}: {list(found)}: must name two levels or more, lowest first")
    present = column.dropna()
    bad = present[~present.isin(found)]
    if len(bad):
        held = [str(value) for value in bad.unique()[: SHOWN + 1]]
        more = ", ..." if len(held) > SHOWN else ""
        raise UserError(
            f"{key}: {list(found)}: the column holds {', '.join(held[:SHOWN])}{more} too; must "
            "name all that it holds, lowest first"
        )
    return found


def _number(key: str, level: Any) -> float:
    if isinstance(level, bool) or not isinstance(level, int | float):
        raise UserError(f"{key}: {level!r}: the column holds numbers; must be numbers that ascend")
    return level


def _day_first(where: str, name: str, column: Any, said: Said) -> bool:
    mend = f"leave it out with {setting('data.exclude', [name])}"
    if column.dtype.kind == "m":
        raise UserError(
            f"{where}: column {name} holds durations; turn it into numbers, as days, or {mend}"
        )
    first = next(iter(column.dropna()), None)
    if hasattr(first, "isoformat") and not hasattr(first, "year"):
        raise UserError(
            f"{where}: column {name} holds times of day; turn it into numbers, as hours, or {mend}"
        )
    if said.refuse_dates:
        raise UserError(
            f"{where}: column {name} holds dates; give it as data.time to split by it, give "
            f"data.dates=parts to make numbers of it, or {mend}"
        )
    return is_day_first(f"{where}: column {name}", column, said.day_first)


def _tells_apart(where: str, name: str, column: Any, said: Said) -> str:
    """A note if the categories of a column identify rows, else "".

    Raises:
        UserError: they do, but the user named the column as a feature.
    """
    present = column.dropna()
    if kind_of(present) not in WORDS:
        return ""  # refused later by `tuner.data.table_checks`
    words = present.nunique()
    if words <= MANY or words <= len(present) / 2:
        return ""
    taken = setting("data.categorical", [name])
    fact = f"column {name} has {words} different words in {len(present)} rows"
    why = "which identify rows and say nothing about new ones"
    if name in said.listed:
        raise UserError(
            f"{where}: {fact}, {why}; leave it out of data.features, or give {taken} to take it"
        )
    if (
        present.head(MANY)
        .astype(str)
        .str.slice(0, 200)
        .str.contains(r"\S\s+\S+\s+\S", regex=True)
        .mean()
        > 0.5
    ):
        taken = setting("data.text", [name])  # sentences
    return f"{fact}, {why}, and is left out; {taken} would take it"


def kind_of(present: Any) -> str:
    """pandas' name for the kind of a column's values, or of its categories."""
    from pandas.api.types import infer_dtype

    values = present.cat.categories if hasattr(present, "cat") else present
    name: str = infer_dtype(values, skipna=True)
    return name


def _dates(kinds: Kinds) -> tuple[str, ...]:
    """The notes on columns of dates."""
    if not kinds.dates:
        return ()
    held = listing(list(kinds.dates), "column")
    return (f"the dates of {held} become numbers: year, month, weekday, hour and days",)


def listing(names: Sequence[str], what: str) -> str:
    """Some names in words, such as "columns a, b and 3 more"."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{what}{'s' * (len(names) > 1)} {', '.join(names[:SHOWN])}{more}"


def check_said(said: Said, inputs: Sequence[str]) -> None:
    """Checks that settings name feature columns, each at most once.

    Args:
        said: the settings.
        inputs: the feature columns.

    Raises:
        UserError: a setting names another column, or a column is named twice.
    """
    seen: dict[str, str] = {}
    for key in ("categorical", "numeric", "ordinal", "text"):
        for name in getattr(said, key):
            if name not in inputs:
                hint = did_you_mean(name, list(inputs), 3)
                raise UserError(f"data.{key}: {name}: {hint}is not an input column")
            if name in seen:
                raise UserError(f"data.{key}: {name}: is in data.{seen[name]} too; give one")
            seen[name] = key
