"""Input checks: compiled code checks no bounds, so its arguments are checked before.

Each check runs once per problem, population or block of rows, never within a step.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.training.kernels.sparse import CSR

FLOATS = (np.float32, np.float64)


def check_array(
    where: str, array: Any, shape: tuple[int, ...], dtype: DTypeLike, *, writable: bool = True
) -> None:
    """Refuses anything but a C-contiguous, aligned array of this shape and dtype.

    Args:
        where: names the array in the error.
        array: the array to check.
        shape: the expected shape.
        dtype: the expected dtype, in the byte order of the machine.
        writable: whether it must be writable, because code compiled for writable arrays takes no
            others.

    Raises:
        ValueError: it is not; the message says what was found and what is expected.
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
    """Refuses rows whose width is not a model's number of inputs, or whose indices are invalid.

    Args:
        where: names the rows in the error.
        X: (samples, features), dense or CSR.
        features: number of inputs of the model.
        dtype: the dtype of the parameters.
        writable: see `check_array`.

    Returns:
        The number of rows.

    Raises:
        ValueError: the message says what was found and what is expected.
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
    """Refuses integers below 0, or of `stop` or more.

    Raises:
        ValueError: the message names one of them.
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
    """Refuses weights that are not (samples,), finite and 0 or more, or whose sum is not usable.

    Raises:
        ValueError: the message says what was found and what is expected.
    """
    check_array(where, weights, (samples,), dtype)
    bad = weights[~(np.isfinite(weights) & (weights >= 0))]
    if len(bad):
        raise ValueError(f"{where}: {bad[0]}: give finite numbers, 0 or more")
    with np.errstate(over="ignore"):
        total = weights.sum(dtype=np.float64)
    if not samples * np.finfo(dtype).tiny <= total <= np.finfo(dtype).max:
        raise ValueError(f"{where}: they add up to {total:g}: give weights around 1")
