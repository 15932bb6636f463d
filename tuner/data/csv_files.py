"""Text of tables: CSV and TSV, also packed, with the marks that their numbers are written with."""

import csv
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.data import files, memory, numerals
from tuner.errors import UserError


@dataclass(frozen=True)
class Text:
    """How the text of a CSV is read, as `read` has it."""

    where: str
    separator: str | None
    decimal: str | None
    thousands: str | None
    missing: str | list[str | int | float] | None

    @property
    def absent(self) -> list[str]:
        """The texts that stand for no value."""
        if self.missing is None:
            from pandas._libs.parsers import STR_NA_VALUES

            return sorted(STR_NA_VALUES)
        several = [self.missing] if isinstance(self.missing, str) else self.missing
        return ["", *(str(text) for text in several)]

    @property
    def checked(self) -> str | None:
        """The separator, one character.

        Raises:
            UserError: if it cannot be one.
        """
        mark = "\t" if self.separator == r"\t" else self.separator
        if mark is not None and (len(mark.encode()) != 1 or mark in '"\r\n'):
            raise UserError(
                f"data.separator: {mark!r}: must be one character of ASCII, taken as it is; "
                "a ; is quoted for the shell and for Hydra: 'data.separator=\";\"'"
            )
        return mark


def strip(table: Any, name: str, absent: Sequence[str]) -> bool:
    """Strips blanks around the words of a column, in place; whether there were any."""
    column = table[name]
    if not _is_text(column):
        return False
    if not any(word != word.strip() for word in column.dropna().unique()):
        return False
    bare = column.astype(object).str.strip()
    table[name] = bare.mask(bare.isin(absent))
    return True


def wordy(table: Any) -> list[str]:
    """The columns that hold neither numbers nor dates nor true and false."""
    kinds = zip(table.columns, table.dtypes, strict=True)
    return [name for name, kind in kinds if kind.kind not in "biufcmM"]


def _is_text(column: Any) -> bool:
    """Whether every value of a column that is not missing is text, and there is one."""
    values = column.dropna().unique()
    return len(values) > 0 and all(isinstance(value, str) for value in values)


def few(names: Sequence[str]) -> str:
    """Some columns in words."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"column{'s' if len(names) > 1 else ''} {', '.join(names[:5])}{more}"


def _numbers(
    table: Any, reading: Text, again: Callable[[list[str]], Any]
) -> tuple[Any, tuple[str, ...]]:
    """The table with words that are numbers, by decimal commas or thousands, as numbers.

    Args:
        table: as pandas reads it, whose numbers have a point.
        reading: how the text is read.
        again: reads columns as texts.
    """
    plain = reading.decimal != "," and reading.thousands != "."
    words = {
        name: texts
        for name in wordy(table)
        if _is_text(table[name]) and _like_numbers(texts := table[name].str.strip())
    }
    if not words and plain:
        return table, ()
    kinds = zip(table.columns, table.dtypes, strict=True)
    floats = [n for n, kind in kinds if kind.kind == "f" and table[n].notna().any()]
    texts = again(floats) if floats else {}
    fractions = {
        name: bare
        for name in floats
        if (bare := texts[name].str.strip().mask(table[name].isna()))
        .str.contains(".", regex=False)
        .any()
    }
    marks = numerals.found(words, fractions, reading.decimal, reading.thousands)
    if marks == numerals.PLAIN:
        return table, ()
    read = {n: t for n, t in {**words, **fractions}.items() if marks.fit(t)}
    table = table.assign(**{name: marks.numbers(texts) for name, texts in read.items()})
    if not read:
        return table, ()
    return table, (f"the numbers of {few(list(read))} are written as {marks.example}",)


def _like_numbers(texts: Any) -> bool:
    """Whether texts hold nothing but digits, signs and what may stand between digits."""
    present = texts.dropna()
    marks = "".join(numerals.THOUSANDS)
    return bool(present.str.fullmatch(rf"[\deE+\-{marks}]+").all())


def read(
    where: str, file: Path, kind: str, separator: str, reading: Text
) -> tuple[Any, tuple[str, ...]]:
    """The table of a file with names in its first line, and what was done to its text, in words.

    Args:
        where: the file, as a config key and value.
        file: may be packed.
        kind: what it must be, in words.
        separator: between columns.
        reading: how its text is read.

    Raises:
        UserError: it cannot be read, or would not fit into half the memory.
    """
    import pandas as pd

    text: dict[str, Any] = {"sep": separator, "encoding": "utf-8-sig", "keep_default_na": False}
    with files.reading(where, kind):
        files.check_text(where, file, f"{separator}\n".encode(), memory.NUMBER)
        # By itself, pandas would rename what is named twice.
        names = [name.strip() for name in _first(file, separator)]
        files.check_names(where, names)
        with warnings.catch_warnings():
            # A row that is longer than the first line.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            text |= {"header": 0, "names": names, "low_memory": False, "index_col": False}
            table = pd.read_csv(file, na_values=reading.absent, **text)
            return _numbers(
                table, reading, lambda names: pd.read_csv(file, usecols=names, dtype=str, **text)
            )


def _first(file: Path, separator: str) -> list[str]:
    """The fields of the first line that is not empty."""
    opener = files.PACKED.get(file.suffix, open)
    with opener(file, "rt", encoding="utf-8-sig", newline="") as content:
        return next((line for line in csv.reader(content, delimiter=separator) if line), [])
