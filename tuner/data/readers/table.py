"""Tables with named columns: CSV, TSV and Parquet, the first two also packed."""

import csv
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data import files, memory, numerals, parquet
from tuner.data.dates import seconds
from tuner.data.source import Source
from tuner.errors import UserError, did_you_mean

# More columns of words than this would take minutes to turn to numbers.
WORDY = 5000
SEPARATORS = {".csv": ",", ".tsv": "\t"}
PARQUET = (".parquet", ".pq")
KIND = "a table: .csv or .tsv in UTF-8 with names in its first line, or .parquet"


def read(
    path: str,
    target: str | list[str],
    features: str | list[str] | None = None,
    sample_weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    missing: str | list[str | int | float] | None = None,
) -> Source:
    """The columns of a table by what they are for; a CSV may end in .gz, .bz2 or .xz.

    Args:
        path: of the table.
        target: what to predict, one column or several.
        features: what from, by default all others.
        sample_weight, group, time: columns that are not features unless they are listed there.
        separator: of a CSV's columns, one character, if it is not what its name says.
        decimal, thousands: the marks of a CSV's numbers; None to find them by looking.
        missing: the texts of a CSV that stand for no value, beside an empty one; None for those
            that pandas takes for it, as NA and None.

    Raises:
        UserError: the file is no table, or does not have those columns.
    """
    where = f"data.path: {path}"
    numerals.check_marks(decimal, thousands)
    reading = _Text(where, separator, decimal, thousands, missing)
    beside = {"sample_weight": sample_weight, "group": group, "time": time}
    named = {key: name for key, name in beside.items() if name is not None}
    wanted = None
    if features is not None:
        wanted = {*files.listed(target), *files.listed(features), *named.values()}
    table, notes = _table(where, files.find(path, kind=KIND), reading, wanted)
    targets = _columns(table, "target", files.listed(target))
    for key, name in named.items():
        _columns(table, key, [name])
    if features is None:
        _check_index(where, table.columns)
        taken = {*targets, *named.values()}
        inputs = [name for name in table.columns if name not in taken]
    else:
        inputs = _columns(table, "features", files.listed(features))
        for name in targets:
            if name in inputs:
                raise UserError(f"data.features: {name}: is the target; leave it out")
    if not inputs:
        raise UserError(f"{where}: leaves no column to predict {', '.join(targets)} from")
    chosen: Any = targets[0] if len(targets) == 1 else targets
    return Source(
        where,
        table[inputs],
        np.asarray(table[chosen]),
        weights=None if sample_weight is None else np.asarray(table[sample_weight]),
        groups=None if group is None else np.asarray(table[group]),
        times=None if time is None else seconds(f"data.time: {time}", table[time]),
        notes=notes,
    )


@dataclass(frozen=True)
class _Text:
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


def _table(
    where: str, file: Path, reading: _Text, wanted: Collection[str] | None
) -> tuple[Any, tuple[str, ...]]:
    """The file as a DataFrame with at least a row, its columns named and each once.

    Blanks around words are stripped; what was done to the text is said in words. All columns are
    wanted, or some.
    """
    notes: tuple[str, ...] = ()
    separator = reading.checked
    suffix = file.suffix
    if suffix in files.PACKED:
        suffix = Path(file.stem).suffix
    if suffix in PARQUET:
        # pandas' metadata would bring kinds of columns that scikit-learn's encoder does not take.
        table = parquet.read(where, file, KIND, wanted).to_pandas(ignore_metadata=True)
    elif separator is not None or suffix in SEPARATORS:
        table, notes = _csv(where, file, separator or SEPARATORS[suffix], reading)
    else:
        raise UserError(f"{where}: must be {KIND}")
    table.columns = [str(name) for name in table.columns]
    if len(wordy := _wordy(table)) > WORDY:
        raise UserError(
            f"{where}: {len(wordy)} columns hold no numbers, as {wordy[0]}; must be {WORDY} at "
            "most, for each becomes several"
        )
    if not len(table):
        raise UserError(f"{where}: holds no row, only the names of {len(table.columns)} columns")
    bare = [name for name in _wordy(table) if _strip(table, name, reading.absent)]
    if bare:
        notes = (*notes, f"blanks around the words of {_few(bare)} are left out")
    return table, notes


def _strip(table: Any, name: str, absent: Sequence[str]) -> bool:
    """Strips blanks around the words of a column, in place; whether there were any."""
    column = table[name]
    if not _is_text(column):
        return False
    if not any(word != word.strip() for word in column.dropna().unique()):
        return False
    bare = column.astype(object).str.strip()
    table[name] = bare.mask(bare.isin(absent))
    return True


def _wordy(table: Any) -> list[str]:
    """The columns that hold neither numbers nor dates nor true and false."""
    kinds = zip(table.columns, table.dtypes, strict=True)
    return [name for name, kind in kinds if kind.kind not in "biufcmM"]


def _is_text(column: Any) -> bool:
    """Whether every value of a column that is not missing is text, and there is one."""
    values = column.dropna().unique()
    return len(values) > 0 and all(isinstance(value, str) for value in values)


def _few(names: Sequence[str]) -> str:
    """Some columns in words."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"column{'s' if len(names) > 1 else ''} {', '.join(names[:5])}{more}"


def _numbers(
    table: Any, reading: _Text, again: Callable[[list[str]], Any]
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
        for name in _wordy(table)
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
    return table, (f"the numbers of {_few(list(read))} are written as {marks.example}",)


def _like_numbers(texts: Any) -> bool:
    """Whether texts hold nothing but digits, signs and what may stand between digits."""
    present = texts.dropna()
    marks = "".join(numerals.THOUSANDS)
    return bool(present.str.fullmatch(rf"[\deE+\-{marks}]+").all())


def _csv(where: str, file: Path, separator: str, reading: _Text) -> tuple[Any, tuple[str, ...]]:
    import pandas as pd

    text: dict[str, Any] = {"sep": separator, "encoding": "utf-8-sig", "keep_default_na": False}
    with files.reading(where, KIND):
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


def _check_index(where: str, names: Sequence[str]) -> None:
    """The numbers of rows, which pandas writes by default, are no inputs."""
    for place, name in enumerate(names):
        if not name or name.startswith("__index_level_"):
            raise UserError(
                f"{where}: column {place} (counted from 0) has no name; if it counts the rows, "
                "write the table without it (index=False), or give data.features"
            )


def _columns(table: Any, key: str, names: Sequence[str]) -> list[str]:
    """Those columns; raises UserError for one that is not there."""
    for place, name in enumerate(names):
        if name not in table.columns:
            known = list(table.columns)
            hint = did_you_mean(name, known, 3)
            held = f"{', '.join(known[:12])}{', ...' if len(known) > 12 else ''}"
            one = "; or give data.separator" if len(known) == 1 else ""
            raise UserError(
                f"data.{key}: {name}: {hint}there is no such column; the table has {held}{one}"
            )
        if name in names[:place]:
            raise UserError(f"data.{key}: {name}: must not be named twice")
    if not names:
        raise UserError(f"data.{key}: []: must name a column or more")
    return list(names)
