"""Saving an estimator without pickle, and loading it without trusting the file."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.errors import UserError

# Which skops does not know, though it runs no code: scikit-learn's SimpleImputer holds one.
HARMLESS = ["numpy.dtype"]

# What stands above this wing and may be saved as well.
SEARCH = "tuner.model_selection.search.TunerSearchCV"


def own_types() -> list[str]:
    """Full names of the types of tuner.estimators that a saved estimator may hold, and of those
    that the preprocessing before it may."""
    estimators = sys.modules[str(__package__)]
    public = (getattr(estimators, name) for name in estimators.__all__)
    own = [f"{kind.__module__}.{kind.__name__}" for kind in public if isinstance(kind, type)]
    return [*own, SEARCH, *HARMLESS]


def save(estimator: Any, path: Path | str, trusted: Sequence[str] = ()) -> list[str]:
    """Writes a fitted estimator or pipeline to a .skops file.

    trusted: full names of the types that it may hold beside those of tuner and those that skops
    knows. Returns the types that must be trusted to load it, tuner's own among them. Raises
    UserError if it holds others.
    """
    from skops import io

    io.dump(estimator, path)
    return _allowed(Path(path), trusted)


def load(path: Path | str, trusted: Sequence[str] = ()) -> Any:
    """The estimator of a .skops file. Nothing of the file runs that is not trusted.

    trusted: as in `save`. Raises UserError if the file holds other types, or is no such file.
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
        raise UserError(f"{path}: no skops file: give one that `save` wrote") from None
    unknown = sorted(set(found) - set(trusted) - set(own_types()))
    if unknown:
        raise UserError(
            f"{path}: holds {', '.join(unknown)}: to run their code, name them in trusted"
        )
    return sorted(found)
