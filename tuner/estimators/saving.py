"""Saving an estimator without pickle, and loading it without running code of the file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.errors import UserError
from tuner.estimators.public import own_types


def save(estimator: Any, path: Path | str, trusted: Sequence[str] = ()) -> list[str]:
    """Writes a fitted estimator or pipeline to a .skops file.

    Args:
        estimator: fitted.
        path: of the file, which is replaced.
        trusted: full names of the types that it may hold besides tuner's and those skops knows.

    Returns:
        Full names of the types that must be trusted to load it, tuner's among them.

    Raises:
        UserError: if it holds others.
    """
    from skops import io

    io.dump(estimator, path)
    return _allowed(Path(path), trusted)


def load(path: Path | str, trusted: Sequence[str] = ()) -> Any:
    """The estimator of a .skops file; nothing of the file runs that is not trusted.

    Args:
        path: of the file.
        trusted: as in `save`.

    Raises:
        UserError: if the file holds other types, or is no such file.
    """
    from skops import io

    path = Path(path)
    return io.load(path, trusted=_allowed(path, trusted))


def _allowed(path: Path, trusted: Sequence[str]) -> list[str]:
    """The types in a file that skops does not know, all of which are trusted."""
    from zipfile import BadZipFile

    from skops import io

    try:
        found = io.get_untrusted_types(file=path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: give a file that `save` wrote") from None
    except (BadZipFile, KeyError, ValueError):
        raise UserError(f"{path}: is not a skops file: give one that `save` wrote") from None
    unknown = sorted(set(found) - set(trusted) - set(own_types()))
    if unknown:
        raise UserError(
            f"{path}: holds {', '.join(unknown)}: to run their code, name them in trusted"
        )
    return sorted(found)
