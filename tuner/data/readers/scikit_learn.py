"""Any data set of scikit-learn's loaders: shipped with it, or fetched and kept by them."""

from inspect import signature
from typing import Any

import numpy as np

from tuner.data import files
from tuner.data.source import Source
from tuner.errors import UserError, did_you_mean


def read(loader: str) -> Source:
    """The rows and targets of `load_<loader>` or of `fetch_<loader>`, which may download them.

    Data are unscaled.

    Raises:
        UserError: there is no such loader, or no network.
    """
    where = f"data.loader: {loader}"
    known = _loaders()
    if loader not in known:
        hint = did_you_mean(loader, sorted(known), 3)
        raise UserError(f"{where}: {hint}must be one of {', '.join(sorted(known))}")
    raw = {"scaled": False} if "scaled" in signature(known[loader]).parameters else {}
    try:
        with files.quiet():
            rows, targets = known[loader](return_X_y=True, **raw)
    except OSError as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"{where}: cannot be fetched ({said}); it needs the network, or its files in "
            "scikit-learn's data folder"
        ) from error
    return Source(where, *plain(where, rows, targets))


def _loaders() -> dict[str, Any]:
    """Loaders by name that return rows and targets and need no argument."""
    from sklearn import datasets

    named = {
        name.partition("_")[2]: getattr(datasets, name)
        for name in dir(datasets)
        if name.startswith(("load_", "fetch_"))
    }
    known = {name: f for name, f in named.items() if "return_X_y" in signature(f).parameters}
    known.pop("openml")  # it has a reader of its own
    return known


def plain(where: str, rows: Any, targets: Any) -> tuple[Any, np.ndarray]:
    """Rows as a table, a CSR array or an array, and targets as an array.

    Args:
        where: the config key and value that named the source, for errors.
        rows, targets: as scikit-learn's loaders return them.

    Raises:
        UserError: a row is a single value, such as a text, not numbers.
    """
    from scipy.sparse import csr_array, issparse

    if issparse(rows):
        rows = csr_array(rows)
    elif not hasattr(rows, "iloc"):
        rows = np.asarray(rows)
        if rows.ndim == 1:
            raise UserError(f"{where}: each row is one thing ({rows.dtype}); must be numbers")
        rows = rows.reshape(len(rows), -1)
    if issparse(targets):
        targets = targets.toarray()
    return rows, np.asarray(targets)
