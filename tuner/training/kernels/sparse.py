"""Sparse input: rows that store non-zeros only, and their products.

The functions are those of kernels.dense. The cost of a product is proportional to the non-zeros;
gradients and updates are dense.
"""

from typing import NamedTuple

import numpy as np

from tuner.training.kernels.compiling import compiled

Array = np.ndarray


class CSR(NamedTuple):
    """Compressed sparse rows, as in scipy.sparse.csr_array.

    values, columns: (non-zeros,), row after row, columns int32 or int64; starts: (samples + 1,)
    int64, the index in these at which each row starts, and at which the last ends; features: number
    of columns.
    """

    values: Array
    columns: Array
    starts: Array
    features: int


class Rows(NamedTuple):
    """Some rows of a CSR: where each starts and stops in values and columns."""

    values: Array
    columns: Array
    starts: Array
    stops: Array


def room(X: CSR, samples: int) -> tuple[Array, Array]:
    """Room for `gather` to write the bounds of so many rows; values are not copied."""
    return np.empty(samples, np.int64), np.empty(samples, np.int64)


def whole(X: CSR) -> Rows:
    """All rows, in the form that the functions below take."""
    return Rows(X.values, X.columns, X.starts[:-1], X.starts[1:])


@compiled
def gather(X, batch, room):
    """The rows of a batch, given by indices (samples,); their bounds are written to `room`."""
    starts, stops = room
    for sample in range(batch.shape[0]):
        starts[sample] = X.starts[batch[sample]]
        stops[sample] = X.stops[batch[sample]]
    return Rows(X.values, X.columns, starts[: batch.shape[0]], stops[: batch.shape[0]])


@compiled
def part(X, start, stop):
    """Rows start to stop; stop may lie beyond the last."""
    return Rows(X.values, X.columns, X.starts[start:stop], X.stops[start:stop])


@compiled
def count(X):
    """The number of rows."""
    return X.starts.shape[0]


@compiled
def times(X, W, out):
    """out (samples, units) becomes X W."""
    out[:] = 0
    for sample in range(X.starts.shape[0]):
        for at in range(X.starts[sample], X.stops[sample]):
            value, column = X.values[at], X.columns[at]
            for unit in range(W.shape[1]):
                out[sample, unit] += value * W[column, unit]


@compiled
def transposed_times(X, d, out):
    """out (features, units) becomes the transpose of X times d (samples, units)."""
    out[:] = 0
    for sample in range(X.starts.shape[0]):
        for at in range(X.starts[sample], X.stops[sample]):
            value, column = X.values[at], X.columns[at]
            for unit in range(d.shape[1]):
                out[column, unit] += value * d[sample, unit]


@compiled
def squares_times(X, W, out):
    """out (samples, units) becomes the squares of X times W."""
    out[:] = 0
    for sample in range(X.starts.shape[0]):
        for at in range(X.starts[sample], X.stops[sample]):
            square, column = X.values[at] * X.values[at], X.columns[at]
            for unit in range(W.shape[1]):
                out[sample, unit] += square * W[column, unit]


@compiled
def transposed_squares_times(X, d, out):
    """out (features, units) becomes the transpose of the squares of X times d (samples, units)."""
    out[:] = 0
    for sample in range(X.starts.shape[0]):
        for at in range(X.starts[sample], X.stops[sample]):
            square, column = X.values[at] * X.values[at], X.columns[at]
            for unit in range(d.shape[1]):
                out[column, unit] += square * d[sample, unit]
