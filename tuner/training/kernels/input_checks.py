"""Input checks: compiled code looks at no bounds, so what it is given is looked at before.

Each is called once for a problem, a population or a block of rows, and never within a step.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.training.kernels.sparse import CSR

FLOATS = (np.float32, np.float64)


def check_array(
    where: str, array: Any, shape: tuple[int, ...], dtype: DTypeLike, *, writable: bool = True
) -> None:
    """Refuses what is not an array of this shape and kind.

    Args:
        where: names the array in the error.
        array: what is to be C-contiguous and aligned as well.
        shape: that of the array.
        dtype: that of the array, in the byte order of the machine.
        writable: whether it must be, as code that is compiled for arrays that are takes no other.

    Raises:
        ValueError: it is another, with what it is and what it should be.
    """
    if not isinstance(array, np.ndarray) or np.ma.isMaskedArray(array):
        raise ValueError(f"{where}: {type(array).__name__}: give a NumPy array")
    if array.shape != shape:
        raise ValueError(f"{where}: shape {array.shape}: give {shape}")
    if array.dtype != dtype:
        raise ValueError(f"{where}: {array.dtype}: give {np.dtype(dtype)}")
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise ValueError(f"{where}: strides {array.strides}: give a C-contiguous copy")
    if writable and not array.flags.writeable:
        raise ValueError(f"{where}: read-only: give a copy")


def check_rows(
    where: str, X: Any, features: int, dtype: DTypeLike, *, writable: bool = True
) -> int:
    """Refuses rows that are not as wide as a model's inputs, or whose indices point elsewhere.

    Args:
        where: names the rows in the error.
        X: (samples, features), dense or CSR.
        features: inputs of the model.
        dtype: that of the parameters.
        writable: see `check_array`.

    Returns:
        How many rows there are.

    Raises:
        ValueError: with what there is and what there should be.
    """
    if features < 1:
        raise ValueError(f"{where}: {features} features: give one or more")
    if not isinstance(X, CSR):
        check_array(where, X, (*np.shape(X)[:1], features), dtype, writable=writable)
        return len(X)
    samples = _length(f"{where}: starts", X.starts) - 1
    if X.features != features:
        raise ValueError(f"{where}: shape {(samples, X.features)}: give {(samples, features)}")
    count = _length(f"{where}: values", X.values)
    check_array(f"{where}: values", X.values, (count,), dtype, writable=writable)
    kind = np.int64 if getattr(X.columns, "dtype", None) == np.int64 else np.int32
    check_array(f"{where}: columns", X.columns, (count,), kind, writable=writable)
    check_array(f"{where}: starts", X.starts, (samples + 1,), np.int64, writable=writable)
    if samples < 0:
        raise ValueError(f"{where}: starts: shape (0,): give one more than there are samples")
    if X.starts[0] < 0 or X.starts[-1] > count or (X.starts[1:] < X.starts[:-1]).any():
        raise ValueError(f"{where}: starts: give rising numbers from 0 to {count}, the non-zeros")
    check_range(f"{where}: columns", X.columns, features)
    return samples


def check_range(where: str, numbers: np.ndarray, stop: int) -> None:
    """Refuses whole numbers that are negative, or `stop` or more.

    Raises:
        ValueError: with one that is.
    """
    if not len(numbers):
        return
    for number in (numbers.min(), numbers.max()):
        if not 0 <= number < stop:
            raise ValueError(f"{where}: {number}: give 0 to {stop - 1}")


def _length(where: str, array: Any) -> int:
    if np.ndim(array) != 1:
        raise ValueError(f"{where}: shape {np.shape(array)}: give one dimension")
    return len(array)


def check_weights(where: str, weights: Any, samples: int, dtype: DTypeLike) -> None:
    """Refuses weights that are not (samples,) numbers from 0, or by whose mean none can divide.

    Raises:
        ValueError: with what there is and what there should be.
    """
    check_array(where, weights, (samples,), dtype)
    bad = weights[~(np.isfinite(weights) & (weights >= 0))]
    if len(bad):
        raise ValueError(f"{where}: {bad[0]}: give finite numbers, 0 or more")
    with np.errstate(over="ignore"):
        total = weights.sum(dtype=np.float64)
    if not samples * np.finfo(dtype).tiny <= total <= np.finfo(dtype).max:
        raise ValueError(f"{where}: they add up to {total:g}: give weights around 1")
