"""CSV and TSV files, also compressed: their encoding, separators and number formats."""

import csv
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.data import files, memory, numerals
from tuner.errors import UserError, setting

# Texts that mark a missing number if all others in the column are numbers, besides those of pandas.
GAPS = ("?", "-", "--", "---", ".", "..", "...", "*", "na", "n.a.", "N.A.", "\u2013", "\u2014")


LOOKED_AT = 20  # texts of a column that are checked first, before all of them


@dataclass(frozen=True)
class Text:
    """The settings for reading the text of a table.

    Attributes:
        where: the file, as a config key and value.
        separator, decimal, thousands, missing: settings of the reader `table`.
        targets: target columns; rows without a target are left out.
        numeric: columns of numbers; other texts in them are missing values.
        words: columns of words, even if they look like numbers.
    """

    where: str
    separator: str | None
    decimal: str | None
    thousands: str | None
    missing: str | list[str | int | float] | None
    targets: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def absent(self) -> list[str]:
        """The texts that mark a missing value."""
        if self.missing is None:
            from pandas._libs.parsers import STR_NA_VALUES

            return sorted(STR_NA_VALUES)
        several = [self.missing] if isinstance(self.missing, str) else self.missing
        return ["", *(str(text) for text in several)]

    @property
    def checked(self) -> str | None:
        """The separator, one character.

        Raises:
            UserError: it is not one ASCII character, or cannot separate columns.
        """
        mark = "\t" if self.separator == r"\t" else self.separator
        if mark is not None and (len(mark.encode()) != 1 or mark in '"\r\n'):
            raise UserError(
                f"data.separator: {mark!r}: must be one character of ASCII, taken as it is; "
                "a ; is quoted for the shell and for Hydra: 'data.separator=\";\"'"
            )
        return mark


def strip(table: Any, name: str, absent: Sequence[str]) -> bool:
    """Strips spaces around the texts of a column, in place; returns whether there were any."""
    column = table[name]
    if not _is_text(column):
        return False
    if not any(word != word.strip() for word in column.dropna().unique()):
        return False
    bare = column.astype(object).str.strip()
    table[name] = bare.mask(bare.isin(absent))
    return True


def wordy(table: Any) -> list[str]:
    """The columns that hold neither numbers nor dates nor booleans."""
    kinds = zip(table.columns, table.dtypes, strict=True)
    return [name for name, kind in kinds if kind.kind not in "biufcmM"]


def _is_text(column: Any) -> bool:
    """Whether a column has values and all that are not missing are texts."""
    values = column.dropna().unique()
    return len(values) > 0 and all(isinstance(value, str) for value in values)


def few(names: Sequence[str]) -> str:
    """The names of at most five columns, in words."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"column{'s' if len(names) > 1 else ''} {', '.join(names[:5])}{more}"


def numbers(
    table: Any, reading: Text, names: Sequence[str], again: Callable[[list[str]], Any]
) -> tuple[Any, tuple[str, ...]]:
    """Converts columns of numbers with other separators, or with marks for missing values.

    Args:
        table: the table as read, with decimal points.
        reading: the settings for reading.
        names: columns of text that may be numbers.
        again: reads columns of numbers again, as texts.

    Returns:
        The table with these columns as numbers, and notes on what was converted, in words.
    """
    words: dict[str, Any] = {}
    gaps: dict[str, Any] = {}
    for name in names:
        if name in reading.words or not _may_be(table[name], reading, name):
            continue
        texts, gaps[name] = _gaps(table[name].str.strip(), name, reading)
        if _like_numbers(texts):
            words[name] = texts
    known = {name for name in words if len(gaps[name]) or name in reading.numeric}
    bare = {n: t for n, t in words.items() if n in known and numerals.PLAIN.fit(t)}
    words = {name: texts for name, texts in words.items() if name not in bare}
    points = {n: t for n, t in bare.items() if t.str.contains(".", regex=False, na=False).any()}
    found, notes = numerals.PLAIN, [_said(name, gaps[name]) for name in bare if len(gaps[name])]
    if words or reading.decimal == "," or reading.thousands == ".":
        fractions = {**_fractions(table, again), **points}
        found = numerals.found(words, fractions, reading.decimal, reading.thousands)
        if found != numerals.PLAIN:
            marked = {n: t for n, t in {**words, **fractions}.items() if found.fit(t)}
            table = table.assign(**{name: found.numbers(t) for name, t in marked.items()})
            notes += [_said(name, gaps[name]) for name in marked if len(gaps.get(name, ()))]
            if marked:
                notes.append(f"the numbers of {few(list(marked))} are written as {found.example}")
            bare = {name: texts for name, texts in bare.items() if name not in marked}
    if bare:
        table = table.assign(**{name: numerals.PLAIN.numbers(t) for name, t in bare.items()})
    return table, tuple(dict.fromkeys(notes))


def _may_be(column: Any, reading: Text, name: str) -> bool:
    """Whether a column holds texts, the first of which look like numbers or missing values."""
    some = column.dropna().iloc[:LOOKED_AT].tolist()
    if name not in reading.numeric and not all(
        isinstance(text, str) and (any(c.isdigit() for c in text) or text.strip() in GAPS)
        for text in some
    ):
        return False
    return _is_text(column)


def _fractions(table: Any, again: Callable[[list[str]], Any]) -> dict[str, Any]:
    """The columns of numbers with a decimal point, as texts."""
    kinds = zip(table.columns, table.dtypes, strict=True)
    floats = [n for n, kind in kinds if kind.kind == "f" and table[n].notna().any()]
    texts = again(floats) if floats else {}
    return {
        name: bare
        for name in floats
        if (bare := texts[name].str.strip().mask(table[name].isna()))
        .str.contains(".", regex=False)
        .any()
    }


def _gaps(texts: Any, name: str, reading: Text) -> tuple[Any, Any]:
    """A column without the texts that mark missing numbers, and the count of each such text."""
    values = texts.dropna().drop_duplicates()
    if name in reading.numeric:
        marks = values[~numerals.written(values)]
    elif reading.missing is None:
        marks = values[values.isin(GAPS)]
    else:
        return texts, ()
    if not len(marks) or len(marks) == len(values):
        return texts, ()
    gap = texts.isin(marks)
    return texts.mask(gap), texts[gap].value_counts()


def _said(name: str, gaps: Any) -> str:
    shown = ", ".join(repr(text) for text in gaps.index[:3])
    more = f" and {len(gaps) - 3} more" if len(gaps) > 3 else ""
    rows = int(gaps.sum())
    counted = f"{rows} row{'s' * (rows != 1)}"
    return f"column {name} holds numbers, and {shown}{more} for missing values ({counted})"


def check_targets(table: Any, reading: Text, again: Callable[[list[str]], Any]) -> None:
    """Refuses a target whose missing values have a text, such as NA, which may be a class.

    Args:
        table: the table as read.
        reading: the settings for reading.
        again: reads columns again, as texts.

    Raises:
        UserError: such a target exists; the message says how to make the text a class or a missing
            value.
    """
    if reading.missing is not None:
        return
    for name in reading.targets:
        if name not in table.columns or not table[name].isna().any() or not _is_text(table[name]):
            continue
        held = again([name])[name].fillna("").str.strip()
        texts = held[table[name].isna() & (held != "")]
        if len(texts):
            text = texts.iloc[0]
            raise UserError(
                f"data.target: {name}: holds {text!r} in row {texts.index[0]} (counted from 0), "
                "which stands for no value: if it is a class, give data.missing=[]; if not, "
                f"{setting('data.missing', list(texts.unique()[:5]))} leaves such rows out"
            )


def _like_numbers(texts: Any) -> bool:
    """Whether texts consist of digits, signs and separators only."""
    present = texts.dropna()
    marks = "".join(numerals.THOUSANDS)
    return bool(present.str.fullmatch(rf"[\deE+\-{marks}]+").all())


def read(
    where: str, file: Path, kind: str, separator: str, reading: Text
) -> tuple[Any, tuple[str, ...]]:
    """Reads a file with names in its first line; returns the table and notes, in words.

    Args:
        where: the file, as a config key and value.
        file: its path; it may be compressed.
        kind: what the file must be, in words.
        separator: the separator of columns.
        reading: the settings for reading.

    Raises:
        UserError: it cannot be read, or would not fit into half the memory.
    """
    import pandas as pd

    text: dict[str, Any] = {"sep": separator, "encoding": "utf-8-sig", "keep_default_na": False}
    with files.reading(where, kind):
        files.check_text(where, file, f"{separator}\n".encode(), memory.NUMBER)
        # Without this, pandas would rename columns with equal names.
        names = [name.strip() for name in _first(file, separator)]
        files.check_names(where, names)
        with warnings.catch_warnings():
            # A warning means that a row is longer than the first line.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            text |= {"header": 0, "names": names, "low_memory": False, "index_col": False}
            table = pd.read_csv(file, na_values=reading.absent, **text)

            def again(names: list[str]) -> Any:
                return pd.read_csv(file, usecols=names, dtype=str, **text)

            table, notes = numbers(table, reading, wordy(table), again)
            check_targets(table, reading, again)
            return table, notes


def _first(file: Path, separator: str) -> list[str]:
    """The fields of the first non-empty line."""
    opener = files.PACKED.get(file.suffix, open)
    with opener(file, "rt", encoding="utf-8-sig", newline="") as content:
        return next((line for line in csv.reader(content, delimiter=separator) if line), [])
