"""Scaling of sparse rows: columns are divided, but never shifted, so that rows stay sparse."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.data.scaling import too_large, trainable, transformer
from tuner.errors import UserError

if TYPE_CHECKING:
    from tuner.training.kernels.sparse import CSR

METHODS = ("maxabs", "none")
DEFAULT = "maxabs"


@dataclass(frozen=True, eq=False)
class SparseScaling:
    """row / scale.

    Attributes:
        method: one of METHODS.
        scale: (columns,) float64.
    """

    method: str
    scale: np.ndarray

    @property
    def inputs(self) -> int:
        """Number of output columns."""
        return len(self.scale)

    def __call__(self, rows: Any, chosen: np.ndarray, dtype: DTypeLike) -> "CSR":
        """The chosen rows, scaled, as a CSR for training.

        Args:
            rows: a SciPy CSR array.
            chosen: numbers of the rows.
            dtype: of the values.

        Raises:
            UserError: a number that is too large for training in this dtype.
        """
        from tuner.training.kernels.sparse import CSR

        taken = rows[chosen]
        taken.sum_duplicates()  # also sorts the columns
        with np.errstate(over="ignore"):
            values = (taken.data / self.scale[taken.indices]).astype(dtype)
        bad = ~(np.abs(values) <= trainable(dtype))
        if bad.any():
            first = int(np.argmax(bad))
            place = f"column {taken.indices[first]} (counted from 0)"
            where = f"data.scale: {self.method}"
            raise too_large(where, taken.data[first], values[first], place, dtype)
        return CSR(
            values, taken.indices.astype(np.int32), taken.indptr.astype(np.int64), rows.shape[1]
        )

    def transformer(self) -> Any:
        """An equal, fitted scikit-learn transformer of sparse or dense rows."""
        from scipy.sparse import csr_array

        made = transformer(self.method, 1).fit(csr_array(self.scale[None, :]))
        if self.method == "maxabs":  # a fit treats columns of tiny numbers as constant
            made.scale_ = made.max_abs_ = self.scale
        return made


def fit(rows: Any, chosen: np.ndarray, method: str) -> SparseScaling:
    """Fits to the chosen rows. A column without non-zeros is unchanged.

    Args:
        rows: a SciPy CSR array.
        chosen: numbers of the training rows.
        method: one of METHODS.

    Raises:
        UserError: the method would shift columns, and so fill the zeros.
    """
    if method not in METHODS:
        raise UserError(
            f"data.scale: {method}: would shift columns, and so fill all zeros of sparse data; "
            f"give one of {', '.join(METHODS)}"
        )
    scale = np.ones(rows.shape[1])
    if method == "maxabs":
        largest = np.asarray(abs(rows[chosen]).max(axis=0).todense()).ravel()
        scale[largest > 0] = largest[largest > 0]
    return SparseScaling(method, scale)
