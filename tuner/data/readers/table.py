"""Tables with named columns: CSV, TSV and Parquet, the first two also packed."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data import csv_files, files, numerals, parquet
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
    reading = csv_files.Text(where, separator, decimal, thousands, missing)
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


def _table(
    where: str, file: Path, reading: csv_files.Text, wanted: Collection[str] | None
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
        table, notes = csv_files.read(where, file, KIND, separator or SEPARATORS[suffix], reading)
    else:
        raise UserError(f"{where}: must be {KIND}")
    table.columns = [str(name) for name in table.columns]
    if len(wordy := csv_files.wordy(table)) > WORDY:
        raise UserError(
            f"{where}: {len(wordy)} columns hold no numbers, as {wordy[0]}; must be {WORDY} at "
            "most, for each becomes several"
        )
    if not len(table):
        raise UserError(f"{where}: holds no row, only the names of {len(table.columns)} columns")
    bare = [name for name in csv_files.wordy(table) if csv_files.strip(table, name, reading.absent)]
    if bare:
        notes = (*notes, f"blanks around the words of {csv_files.few(bare)} are left out")
    return table, notes


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
