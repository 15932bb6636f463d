"""Helpers of file readers: finding and opening a file, and errors."""

import bz2
import gzip
import lzma
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data import memory
from tuner.errors import UserError

# The functions that open compressed files, by suffix.
PACKED: Mapping[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BLOCK = 1 << 22  # bytes decompressed at once
# A file that decompresses to more than both limits, as a ratio and in bytes, is a decompression
# bomb.
MOST_PACKED, HARMLESS = 200, 1 << 26
SMALLER = "take fewer rows, or give the rows as X.npy, which is read from disk"


def find(path: str, key: str = "path", kind: str = "a file") -> Path:
    """The path of a file that exists and is a non-empty regular file.

    Args:
        path: as the user gave it; a leading `~` is the home folder.
        key: the config key that gave it, without `data.`, for errors.
        kind: what the file must be, in words.

    Raises:
        UserError: it does not exist, is not a regular file or is empty.
    """
    where = f"data.{key}: {path}"
    try:
        file = Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(f"{where}: there is no such user; must be {kind}") from error
    if not os.path.exists(file):
        raise UserError(f"{where}: is not there: must be {kind}")
    if os.path.isdir(file):
        raise UserError(f"{where}: is a folder; must be {kind}")
    if not os.path.isfile(file):
        raise UserError(f"{where}: is a pipe or a device; must be {kind}")
    if not os.path.getsize(file):
        raise UserError(f"{where}: is empty, 0 bytes; must be {kind}")
    return file


@contextmanager
def reading(where: str, kind: str) -> Iterator[None]:
    """Turns any error of a library that reads an invalid file into a UserError of one line.

    Args:
        where: the file, as a config key and value.
        kind: what it must be, in words.

    Raises:
        UserError: in place of what the library raised.
    """
    try:
        yield
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(f"{where}: needs more memory than there is; {SMALLER}") from error
    # A library may raise any exception for an untrusted file.
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(
            f"{where}: cannot be read ({type(error).__name__}: {said}); must be {kind}"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Suppresses the warnings of scikit-learn's downloads, which announce each retry."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def unpacked(where: str, file: Path) -> Iterator[bytes]:
    """The decompressed bytes of a file, block by block.

    Args:
        where: the file, as a config key and value.
        file: its path, whose suffix says how it is compressed.

    Raises:
        UserError: it would not fit into half the memory, or is a decompression bomb.
    """
    size, packed = 0, os.path.getsize(file)
    with PACKED.get(file.suffix, open)(file, "rb") as content:
        while block := content.read(BLOCK):
            size += len(block)
            if size > max(HARMLESS, MOST_PACKED * packed):
                raise UserError(
                    f"{where}: unpacks to more than {MOST_PACKED} times its "
                    f"{memory.size(packed)}; if it is meant to, unpack it and give that file"
                )
            memory.check(where, size, SMALLER)
            yield block


def check_text(where: str, file: Path, marks: bytes, each: float) -> None:
    """Refuses a text file, before it is parsed, if its numbers need more than half the memory.

    Args:
        where: the file, as a config key and value.
        file: its path; it may be compressed.
        marks: the characters that separate numbers, such as the separator and the newline.
        each: bytes of memory per number while parsing, in addition to its text.

    Raises:
        UserError: they would not fit.
    """
    needed = 0.0
    for block in unpacked(where, file):
        needed += len(block) + each * sum(block.count(mark) for mark in set(marks))
        memory.check(where, needed, SMALLER)


def check_apart(where: str, file: Path, other: Path, named: str) -> None:
    """Refuses a file that is the same as another one, under a second name or by a link.

    Args:
        where: the file, as a config key and value.
        file, other: existing files.
        named: the other file, in words.

    Raises:
        UserError: they are the same file.
    """
    if os.path.samefile(file, other):
        raise UserError(f"{where}: is the same file as {named}; must be another one")


def check_names(where: str, names: Sequence[str]) -> None:
    """Refuses duplicate column names, and too many columns for half the memory.

    Args:
        where: the file, as a config key and value.
        names: the names of all columns.

    Raises:
        UserError: a name occurs twice, or there are too many columns.
    """
    memory.check(f"{where}: {len(names)} columns", memory.TABLE_COLUMN * len(names), SMALLER)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            called = f"named {name}" if name else "without a name"
            raise UserError(f"{where}: two columns are {called}; give each a name of its own")
        seen.add(name)


def listed(names: str | Sequence[str] | None) -> list[str]:
    """One name or several, as a list."""
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)


def check_lengths(where: str, count: int, columns: dict[str, np.ndarray | None]) -> None:
    """Refuses columns whose length is not the number of rows.

    Args:
        where: the source of the rows, as a config key and value.
        count: number of rows.
        columns: by name; None for an absent column.

    Raises:
        UserError: a column is shorter or longer.
    """
    for what, values in columns.items():
        if values is not None and len(values) != count:
            raise UserError(f"{where}: {count} rows, but {len(values)} in {what}; must be as many")
