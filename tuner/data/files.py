"""What readers of files share: the errors of opening, and columns that are no inputs."""

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
    """The file of that path; raises UserError if it is not there or is empty."""
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
    """Whatever a library raises for a file that is not what it should be, as one line."""
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
    """A file that would not fit into half the memory is refused before it is read."""
    packed = PACKED.get(file.suffix, 1)
    memory.check(where, os.path.getsize(file) * packed * times, SMALLER)


def listed(names: str | Sequence[str] | None) -> list[str]:
    """One name or several, as a list."""
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)


def check_lengths(where: str, count: int, columns: dict[str, np.ndarray | None]) -> None:
    """Everything there is has one entry a row."""
    for what, values in columns.items():
        if values is not None and len(values) != count:
            raise UserError(f"{where}: {count} rows, but {len(values)} in {what}; must be as many")
