"""What readers of files share: finding and opening one, and the errors of that."""

import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tuner.data import memory
from tuner.errors import UserError

# What libraries raise for a file that is not what its name says, or that they cannot unpack.
BROKEN = (
    *(Warning, OSError, EOFError, ValueError, KeyError, ImportError),
    *(zlib.error, LZMAError, BadZipFile),
)

# A compressed file is taken to hold this many times its size.
PACKED = {".gz": 4, ".bz2": 5, ".xz": 6}
SMALLER = "take fewer rows, or give the rows as X.npy, which is read from disk"


def find(path: str, key: str = "path", kind: str = "a file") -> Path:
    """The file of a path.

    Args:
        path: as the user gave it; a leading `~` is the home folder.
        key: that gave it, without `data.`, for errors.
        kind: what the file must be, in words.

    Raises:
        UserError: if it is not there, is a folder or is empty.
    """
    file, where = Path(path).expanduser(), f"data.{key}: {path}"
    if not os.path.exists(file):
        raise UserError(f"{where}: is not there: must be {kind}")
    if os.path.isdir(file):
        raise UserError(f"{where}: is a folder; must be {kind}")
    if not os.path.getsize(file):
        raise UserError(f"{where}: is empty, 0 bytes; must be {kind}")
    return file


@contextmanager
def reading(where: str, kind: str) -> Iterator[None]:
    """Turns whatever a library raises for a file that is not what it should be into one line.

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
    except BROKEN as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(
            f"{where}: cannot be read ({type(error).__name__}: {said}); must be {kind}"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of scikit-learn's downloads, which announce each new try."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_size(where: str, file: Path, times: float = 1.0) -> None:
    """Refuses a file that would not fit into half the memory, before it is read.

    Args:
        where: the file, as a config key and value.
        file: its size counts, times what its compression is taken to save.
        times: bytes in memory for each byte of the unpacked file.

    Raises:
        UserError: if it would not fit.
    """
    packed = PACKED.get(file.suffix, 1)
    memory.check(where, os.path.getsize(file) * packed * times, SMALLER)


def listed(names: str | Sequence[str] | None) -> list[str]:
    """One name or several, as a list."""
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)


def check_lengths(where: str, count: int, columns: dict[str, np.ndarray | None]) -> None:
    """Refuses columns that have not one entry a row.

    Args:
        where: what holds the rows, as a config key and value.
        count: of rows.
        columns: by name; None for one that is not there.

    Raises:
        UserError: if a column is shorter or longer.
    """
    for what, values in columns.items():
        if values is not None and len(values) != count:
            raise UserError(f"{where}: {count} rows, but {len(values)} in {what}; must be as many")
