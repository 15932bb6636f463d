"""Rows in the layout that compiled training needs: C-contiguous or CSR, and writable."""

from typing import Any

import numpy as np
from scipy import sparse

from tuner.training.kernels.sparse import CSR
from tuner.training.problems import Part

Array = np.ndarray


def rows(X: Any) -> Array | CSR:
    """Rows for training from X (samples, features): an array, or a checked SciPy CSR."""
    if not sparse.issparse(X):
        return writable(X)
    starts = X.indptr.astype(np.int64, copy=False)
    # One index type only, because each would be compiled separately; 32 bits suffice for features.
    columns = X.indices.astype(np.int32, copy=False)
    return CSR(writable(X.data), writable(columns), writable(starts), X.shape[1])


def given(X: Any) -> Any:
    """X in a form that scikit-learn checks: a CSR of tuner becomes a SciPy CSR array."""
    if not isinstance(X, CSR):
        return X
    shape = (len(X.starts) - 1, X.features)
    return sparse.csr_array((X.values, X.columns, X.starts), shape=shape)


def writable(array: Array) -> Array:
    """The array or a copy, C-contiguous and writable: training is compiled for such arrays only."""
    return np.require(array, requirements=("C", "W"))


def part(X: Any, y: Array, weights: Array | None) -> Part:
    """Samples for training or validation.

    Args:
        X: (samples, features), checked.
        y: class codes (samples,), or targets (samples, outputs).
        weights: (samples,), or None for equal weights.
    """
    targets = y.astype(X.dtype) if y.ndim == 2 else y
    return Part(rows(X), targets, None if weights is None else weights.astype(X.dtype))
