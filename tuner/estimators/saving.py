"""Saving an estimator without pickle, and loading it without running code of the file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.errors import UserError
from tuner.estimators.public import own_types


def save(estimator: Any, path: Path | str, trusted: Sequence[str] = ()) -> list[str]:
    """Writes a fitted estimator or pipeline to a .skops file.

    Args:
        estimator: the fitted estimator or pipeline.
        path: the path of the file; an existing file is replaced.
        trusted: full names of types that it may contain besides those of tuner and those skops
            trusts.

    Returns:
        Full names of the types that must be trusted to load it, including tuner's.

    Raises:
        UserError: it contains other types.
    """
    from skops import io

    io.dump(estimator, path)
    return _allowed(Path(path), trusted)


def load(path: Path | str, trusted: Sequence[str] = ()) -> Any:
    """Loads the estimator of a .skops file; only code of trusted types runs.

    Args:
        path: the path of the file.
        trusted: as in `save`.

    Raises:
        UserError: the file contains other types, or is not a .skops file.
    """
    from skops import io

    path = Path(path)
    return io.load(path, trusted=_allowed(path, trusted))


def _allowed(path: Path, trusted: Sequence[str]) -> list[str]:
    """The types in a file that skops does not trust; raises UserError unless all are allowed."""
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
