"""Parquet files: their unpacked size is checked before they are read."""

from collections.abc import Container
from pathlib import Path
from typing import Any

from tuner.data import files, memory
from tuner.errors import UserError, setting

# Bytes per value while reading, in Arrow and pandas together; OBJECT: if pandas makes objects.
VALUE, OBJECT = 16.0, 64.0


def read(where: str, file: Path, kind: str, wanted: Container[str]) -> tuple[Any, list[str]]:
    """The Arrow table of a file, and the names of all columns of the file.

    Texts are first read as a dictionary, and expanded once their total length is known.

    Args:
        where: the file, as a config key and value.
        file: path of the Parquet file.
        kind: what the file must be, in words.
        wanted: columns that must hold one number, text or date per row; other columns that do not
            are left out.

    Raises:
        UserError: it cannot be read, would not fit into half the memory, or a wanted column holds
            something else.
    """
    from pyarrow import compute, large_string, parquet, types

    with files.reading(where, kind):
        held = parquet.ParquetFile(file)
        fields = list(held.schema_arrow)
        files.check_names(where, [field.name for field in fields])
        taken = [field for field in fields if _is_plain(field.type)]
        for field in fields:
            if field not in taken and field.name in wanted:
                raise UserError(
                    f"{where}: column {field.name} holds {field.type} values; must be numbers, or "
                    f"text; leave it out with {setting('data.exclude', [field.name])}"
                )
        content = held.metadata
        groups = [content.row_group(i) for i in range(content.num_row_groups)]
        needed = sum(group.total_byte_size for group in groups)
        needed += content.num_rows * sum(_width(field.type) for field in taken)
        memory.check(where, needed, files.SMALLER)
        texts = [field.name for field in taken if _is_text(field.type)]
        table = parquet.ParquetFile(file, read_dictionary=texts).read([f.name for f in taken])
        table = table.select([field.name for field in taken])
        for place, field in enumerate(taken):
            if not (types.is_dictionary(field.type) or _is_text(field.type)):
                continue
            for chunk in table.column(place).chunks:
                lengths = compute.binary_length(chunk.dictionary).take(chunk.indices)
                needed += compute.sum(lengths).as_py() or 0
            memory.check(f"{where}: column {field.name}", needed, files.SMALLER)
            if field.name not in texts:
                continue
            table = table.set_column(place, field.name, table.column(place).cast(large_string()))
        return table, [field.name for field in fields]


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _is_plain(kind: Any) -> bool:
    """Whether a value of an Arrow type is a single number, text or date."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    numbers = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    others = types.is_boolean(kind) or types.is_temporal(kind) or types.is_null(kind)
    return bool(numbers or others or _is_text(kind))


def _width(kind: Any) -> float:
    """Bytes per value, without the characters of a text."""
    from pyarrow import types

    made = types.is_decimal(kind) or types.is_date(kind) or types.is_time(kind)
    return OBJECT if made else VALUE
