"""Dense input: the products of models with rows X (samples, features), C-contiguous.

kernels.sparse has the same functions for sparse rows.
"""

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  (numba's dot needs it, and threads are limited by then)

from tuner.training.kernels.compiling import compiled

# OpenBLAS computes products of at most this many multiplications without packing its arguments
# first. Packing halves the speed of narrow ones (784 features by 10 or 64 units, batches of 128).
SMALL = 1_000_000


def room(X, samples):
    """Room for `gather` to copy so many rows to."""
    return np.empty((samples, X.shape[1]), X.dtype)


def whole(X):
    """All rows, in the form that the functions below take."""
    return X


@compiled
def gather(X, batch, room):
    """Copies the rows of these indices into the room.

    Element by element: numba would compile its error messages, too, for an assignment of rows.
    """
    width = X.shape[1]
    numbers, copies = X.reshape(X.size), room.reshape(room.size)
    for sample in range(batch.shape[0]):
        # With slices the inner loop needs no index check and is vectorized.
        source = numbers[batch[sample] * width : (batch[sample] + 1) * width]
        copy = copies[sample * width : (sample + 1) * width]
        for i in range(width):
            copy[i] = source[i]
    return room[: batch.shape[0]]


@compiled
def part(X, start, stop):
    """Rows start to stop; stop may lie beyond the last."""
    return X[start:stop]


@compiled
def count(X):
    """The number of rows."""
    return X.shape[0]


@compiled
def piece(samples, numbers, least):
    """The number of samples per partial product, if each sample takes `numbers` multiplications.

    Pieces are multiples of eight samples of about equal size. All samples are one piece if small
    products would have fewer than `least` samples.
    """
    most = SMALL // numbers
    most -= most % 8
    if samples <= most or most < least:
        return samples
    pieces = (samples + most - 1) // most
    size = (samples + pieces - 1) // pieces
    return size + (-size) % 8


@compiled
def times(X, W, out):
    """out (samples, units) becomes X W."""
    samples = X.shape[0]
    size = piece(samples, W.size, 8)
    if size >= samples:
        np.dot(X, W, out)
        return
    for start in range(0, samples, size):
        np.dot(X[start : start + size], W, out[start : start + size])


@compiled
def transposed_times(X, d, out):
    """out (features, units) becomes the transpose of X times d (samples, units)."""
    samples = X.shape[0]
    size = piece(samples, out.size, 16)
    np.dot(X[:size].T, d[:size], out)
    if size >= samples:
        return
    more = np.empty(out.shape, out.dtype)
    sums, terms = out.reshape(out.size), more.reshape(out.size)
    for start in range(size, samples, size):
        np.dot(X[start : start + size].T, d[start : start + size], more)
        for i in range(sums.shape[0]):
            sums[i] += terms[i]


@compiled
def squares_times(X, W, out):
    """out (samples, units) becomes the squares of X times W."""
    out[:] = 0
    for sample in range(X.shape[0]):
        for i in range(X.shape[1]):
            square = X[sample, i] * X[sample, i]
            for unit in range(W.shape[1]):
                out[sample, unit] += square * W[i, unit]


@compiled
def transposed_squares_times(X, d, out):
    """out (features, units) becomes the transpose of the squares of X times d (samples, units)."""
    out[:] = 0
    for sample in range(X.shape[0]):
        for i in range(X.shape[1]):
            square = X[sample, i] * X[sample, i]
            for unit in range(d.shape[1]):
                out[i, unit] += square * d[sample, unit]
