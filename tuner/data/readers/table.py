"""Tables with named columns: CSV, TSV and Parquet, the first two also packed."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data import files, memory
from tuner.data.dates import seconds
from tuner.data.source import Source
from tuner.errors import UserError, did_you_mean

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
) -> Source:
    """The columns of a table by what they are for; a CSV may end in .gz, .bz2 or .xz.

    Args:
        path: of the table.
        target: what to predict, one column or several.
        features: what from, by default all others.
        sample_weight, group, time: columns that are not features unless they are listed there.
        separator: of a CSV's columns, if it is not what its name says.

    Raises:
        UserError: the file is no table, or does not have those columns.
    """
    where = f"data.path: {path}"
    table = _table(where, files.find(path, kind=KIND), separator)
    beside = {"sample_weight": sample_weight, "group": group, "time": time}
    named = {key: name for key, name in beside.items() if name is not None}
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
    )


def _table(where: str, file: Path, separator: str | None) -> Any:
    """The file as a DataFrame with at least a row, its columns named and each once."""
    suffix = file.suffix
    if suffix in files.PACKED:
        suffix = Path(file.stem).suffix
    if suffix in PARQUET:
        table = _parquet(where, file)
    elif separator is not None or suffix in SEPARATORS:
        table = _csv(where, file, separator or SEPARATORS[suffix])
    else:
        raise UserError(f"{where}: must be {KIND}")
    _check_names(where, [str(name) for name in table.columns])
    table.columns = [str(name) for name in table.columns]
    if not len(table):
        raise UserError(f"{where}: holds no row, only the names of {len(table.columns)} columns")
    return table


def _csv(where: str, file: Path, separator: str) -> Any:
    import pandas as pd

    files.check_size(where, file)
    text: dict[str, Any] = {"sep": separator, "encoding": "utf-8-sig"}
    with files.reading(where, KIND):
        # By itself, pandas would rename what is named twice.
        first = pd.read_csv(file, header=None, nrows=1, dtype=str, keep_default_na=False, **text)
        names = [name.strip() for name in first.iloc[0]]
        _check_names(where, names)
        with warnings.catch_warnings():
            # A row that is longer than the first line.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                file, header=0, names=names, low_memory=False, index_col=False, **text
            )


def _parquet(where: str, file: Path) -> Any:
    from pyarrow import parquet

    with files.reading(where, KIND):
        content = parquet.read_metadata(file)
        groups = [content.row_group(i).total_byte_size for i in range(content.num_row_groups)]
        memory.check(where, sum(groups), files.SMALLER)
        table = parquet.read_table(file)
        _check_names(where, table.column_names)
        # pandas' metadata would bring kinds of columns that scikit-learn's encoder does not take.
        return table.to_pandas(ignore_metadata=True)


def _check_names(where: str, names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            called = f"named {name}" if name else "without a name"
            raise UserError(f"{where}: two columns are {called}; give each a name of its own")


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
