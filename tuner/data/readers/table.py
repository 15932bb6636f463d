"""Tables with named columns: CSV, TSV and Parquet, the first two also compressed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data import csv_files, files, numerals, parquet
from tuner.data.dates import seconds
from tuner.data.kinds import check_said
from tuner.data.source import Said, Source
from tuner.data.targets import with_target
from tuner.errors import UserError, did_you_mean, setting

# More columns of categories than this would take minutes to encode.
WORDY = 5000
DATES = ("parts", "refuse")
SEPARATORS = {".csv": ",", ".tsv": "\t"}
PARQUET = (".parquet", ".pq")
KIND = "a table: .csv or .tsv in UTF-8 with names in its first line, or .parquet"


def read(
    path: str,
    target: str | list[str],
    features: str | list[str] | None = None,
    exclude: str | list[str] | None = None,
    categorical: str | list[str] | None = None,
    numeric: str | list[str] | None = None,
    ordinal: dict[str, list[str | int | float | bool]] | None = None,
    text: str | list[str] | None = None,
    dates: str | None = None,
    day_first: bool | None = None,
    sample_weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    missing: str | list[str | int | float] | None = None,
) -> Source:
    """Reads features, targets and other columns of a table; a CSV may end in .gz, .bz2 or .xz.

    Rows without a target are left out.

    Args:
        path: path of the table.
        target: columns to predict, one or several.
        features: columns to predict from, by default all others.
        exclude: columns to leave out.
        categorical: features that are categories, even if they look like numbers.
        numeric: features that are numbers; other texts in them are missing values.
        ordinal: features with ordered categories, each with its levels, lowest first.
        text: features that are texts of several words.
        dates: "parts" (the default) to encode features that are dates as numbers, or "refuse".
        day_first: whether dates such as 1/2/2026 begin with the day; None to infer it.
        sample_weight, group, time: columns with weights, groups and times; they are not features
            unless `features` lists them.
        separator: separator of a CSV's columns, one character, if not the usual one of the suffix.
        decimal, thousands: marks in a CSV's numbers; None to infer them.
        missing: texts of a CSV that mark missing values, besides the empty text; None for those of
            pandas, such as NA and None.

    Raises:
        UserError: the file is not a table, or lacks a column.
    """
    where = f"data.path: {path}"
    numerals.check_marks(decimal, thousands)
    if dates not in (None, *DATES):
        raise UserError(f"data.dates: {dates!r}: must be one of {', '.join(DATES)}")
    beside = {"sample_weight": sample_weight, "group": group, "time": time}
    named = {key: name for key, name in beside.items() if name is not None}
    said = Said(
        categorical=tuple(files.listed(categorical)),
        numeric=tuple(files.listed(numeric)),
        ordinal={name: tuple(levels) for name, levels in (ordinal or {}).items()},
        text=tuple(files.listed(text)),
        listed=tuple(files.listed(features)),
        refuse_dates=dates == "refuse",
        day_first=day_first,
    )
    reading = csv_files.Text(
        where,
        separator,
        decimal,
        thousands,
        missing,
        targets=tuple(files.listed(target)),
        numeric=said.numeric,
        words=(*said.categorical, *said.ordinal, *said.text),
    )
    wanted = Wanted(
        None if features is None else {*reading.targets, *said.listed, *named.values()},
        {*files.listed(exclude)} - {*reading.targets, *named.values()},
    )
    table, known, notes = _table(where, files.find(path, kind=KIND), reading, wanted)
    targets = _columns(known, "target", list(reading.targets))
    for key, name in named.items():
        _columns(known, key, [name])
    excluded = [] if exclude is None else _columns(known, "exclude", files.listed(exclude))
    for name in targets:
        if name in excluded:
            raise UserError(f"data.exclude: {name}: is the target, so it is not an input")
    if features is not None:
        inputs = _columns(known, "features", list(said.listed))
        for name in inputs:
            if name in targets:
                raise UserError(f"data.features: {name}: is the target; leave it out")
            if name in excluded:
                raise UserError(f"data.exclude: {name}: is in data.features too; give one")
    else:
        taken = {*targets, *excluded, *named.values()}
        inputs = [name for name in table.columns if name not in taken]
        inputs, unnamed = _named(where, table, inputs)
        notes = (*notes, *unnamed)
    if not inputs:
        raise UserError(f"{where}: leaves no column to predict {', '.join(targets)} from")
    check_said(said, inputs)
    table = _with_numbers(table, said.numeric)
    chosen: Any = targets[0] if len(targets) == 1 else targets
    table, values, left_out = with_target(where, table, table[chosen], targets)
    return Source(
        where,
        table[inputs],
        values,
        weights=None if sample_weight is None else np.asarray(table[sample_weight]),
        groups=None if group is None else np.asarray(table[group]),
        times=None if time is None else seconds(f"data.time: {time}", table[time], day_first),
        notes=(*notes, *left_out),
        said=said,
    )


@dataclass(frozen=True)
class Wanted:
    """The columns of a file that are needed.

    Attributes:
        some: needed columns, or None for all.
        excluded: columns that are not needed.
    """

    some: Collection[str] | None
    excluded: Collection[str]

    def __contains__(self, name: object) -> bool:
        return name not in self.excluded and (self.some is None or name in self.some)


def _table(
    where: str, file: Path, reading: csv_files.Text, wanted: Wanted
) -> tuple[Any, list[str], tuple[str, ...]]:
    """The file as a DataFrame with at least one row, the names of its columns, and notes.

    Spaces around texts are stripped; notes say what was changed. Columns that are not wanted may be
    missing.
    """
    notes: tuple[str, ...] = ()
    separator = reading.checked
    suffix = file.suffix
    if suffix in files.PACKED:
        suffix = Path(file.stem).suffix
    if suffix in PARQUET:
        # With pandas' metadata, columns may get dtypes that scikit-learn's encoder does not accept.
        read, known = parquet.read(where, file, KIND, wanted)
        table = read.to_pandas(ignore_metadata=True)
        texts = [name for name in reading.numeric if name in csv_files.wordy(table)]
        table, notes = csv_files.numbers(table, reading, texts, lambda names: table[names])
    elif separator is not None or suffix in SEPARATORS:
        table, notes = csv_files.read(where, file, KIND, separator or SEPARATORS[suffix], reading)
        known = list(table.columns)
    else:
        raise UserError(f"{where}: must be {KIND}")
    wordy = [name for name in csv_files.wordy(table) if name in wanted]
    if len(wordy) > WORDY:
        raise UserError(
            f"{where}: {len(wordy)} columns hold no numbers, as {wordy[0]}; must be {WORDY} at "
            "most, for each becomes several"
        )
    if not len(table):
        raise UserError(f"{where}: holds no row, only the names of {len(table.columns)} columns")
    bare = [name for name in wordy if csv_files.strip(table, name, reading.absent)]
    if bare:
        notes = (*notes, f"spaces around the texts of {csv_files.few(bare)} are left out")
    return table, known, notes


def _named(where: str, table: Any, inputs: list[str]) -> tuple[list[str], list[str]]:
    """The features with a name, and notes on unnamed columns that count the rows.

    pandas and R write such a column by default.
    """
    notes = []
    for name in inputs:
        if name and not name.startswith("__index_level_"):
            continue
        place = list(table.columns).index(name)
        if not table[name].is_unique:
            raise UserError(
                f"{where}: column {place} (counted from 0) has no name; give it one, or leave it "
                f"out with {setting('data.exclude', [name])}"
            )
        notes.append(
            f"column {place} (counted from 0) has no name and no value twice: it is left out"
        )
    return [n for n in inputs if n and not n.startswith("__index_level_")], notes


def _with_numbers(table: Any, names: Sequence[str]) -> Any:
    """The table with these columns as numbers, as the user declared."""
    for name in names:
        present = table[name].dropna()
        if table[name].dtype.kind not in "iufb" and len(present):
            raise UserError(
                f"data.numeric: {name}: holds {str(present.iloc[0])!r} and no number; "
                "leave it out of data.numeric, or give another data.decimal or data.thousands"
            )
    others = [name for name in names if table[name].dtype.kind not in "iuf"]
    return table.astype(dict.fromkeys(others, "float64"))


def _columns(known: Sequence[str], key: str, names: Sequence[str]) -> list[str]:
    """These columns; raises UserError for a column that does not exist."""
    for place, name in enumerate(names):
        if name not in known:
            hint = _meant(key, name, known)
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


def _meant(key: str, name: str, known: Sequence[str]) -> str:
    """A "did you mean" hint for a name, with quotes for the shell if needed."""
    hint = did_you_mean(name, known, 3)
    # Hydra splits a name with a comma into a list of two.
    near = [own for own in known[:100] if name in own.split(", ")] or hint[13:-2].split(", ")
    typed = setting(f"data.{key}", near[0]) if near[0] in known else ""
    return f"did you mean {near[0]}, typed {typed}? " if '"' in typed else hint
