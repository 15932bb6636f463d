"""CSV and TSV files, also compressed: their encoding, separators and number formats."""

import csv
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.data import files, memory, numerals
from tuner.errors import UserError, setting

# Texts that stand for no number where all others of a column are numbers, beside pandas' own.
GAPS = ("?", "-", "--", "---", ".", "..", "...", "*", "na", "n.a.", "N.A.", "\u2013", "\u2014")


LOOKED_AT = 20  # texts of a column, before all of them


@dataclass(frozen=True)
class Text:
    """How the text of a table is read.

    Attributes:
        where: the file, as a config key and value.
        separator, decimal, thousands, missing: as the reader of tables takes them.
        targets: columns whose gaps leave rows out.
        numeric: columns whose texts are numbers, or gaps.
        words: columns whose texts are words, whatever they look like.
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
    """Strips spaces around the texts of a column, in place; whether there were any."""
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


def numbers(
    table: Any, reading: Text, names: Sequence[str], again: Callable[[list[str]], Any]
) -> tuple[Any, tuple[str, ...]]:
    """The table with texts that are numbers, by their marks or but for gaps, as numbers.

    Args:
        table: as it was read, whose numbers have a point.
        reading: how the text is read.
        names: of the columns of text that may be numbers.
        again: reads columns of numbers as texts.
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
    """Whether a column is of texts the first of which may be numbers, or gaps among them."""
    some = column.dropna().iloc[:LOOKED_AT].tolist()
    if name not in reading.numeric and not all(
        isinstance(text, str) and (any(c.isdigit() for c in text) or text.strip() in GAPS)
        for text in some
    ):
        return False
    return _is_text(column)


def _fractions(table: Any, again: Callable[[list[str]], Any]) -> dict[str, Any]:
    """The columns of numbers with a point, as texts."""
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
    """A column without the texts that stand for no number, and how many rows have each of them."""
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
    """Refuses a target of words that has a gap with a text, which may be a class.

    Args:
        table: as it was read.
        reading: how the text is read.
        again: reads columns as texts.

    Raises:
        UserError: for the first; it says how to make the text a class, or a gap.
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

            def again(names: list[str]) -> Any:
                return pd.read_csv(file, usecols=names, dtype=str, **text)

            table, notes = numbers(table, reading, wordy(table), again)
            check_targets(table, reading, again)
            return table, notes


def _first(file: Path, separator: str) -> list[str]:
    """The fields of the first line that is not empty."""
    opener = files.PACKED.get(file.suffix, open)
    with opener(file, "rt", encoding="utf-8-sig", newline="") as content:
        return next((line for line in csv.reader(content, delimiter=separator) if line), [])
