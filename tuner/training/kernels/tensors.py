"""Functions of whole tensors and rows, for compiled passes.

The functions that rules call change the tensor, (inputs, outputs), in place; biases are tensors
with one input. The functions of the same names in tuner.training.rule_language define them.
"""

import sys
from typing import Any

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  (numba's dot needs it)

from tuner.training.kernels.compiling import compiled


@compiled
def norm(x):
    """The Euclidean norm of x (n,), summed in float64."""
    squares = 0.0
    for i in range(x.shape[0]):
        squares += np.float64(x[i]) * np.float64(x[i])
    return np.sqrt(squares)


@compiled
def input_mean_in_place(x):
    """Replaces every number by the mean of its column, summed in float64."""
    means = np.zeros(x.shape[1])
    for i in range(x.shape[0]):
        for output in range(x.shape[1]):
            means[output] += x[i, output]
    means /= x.shape[0]
    for i in range(x.shape[0]):
        for output in range(x.shape[1]):
            x[i, output] = means[output]


@compiled
def output_mean_in_place(x):
    """Replaces every number by the mean of its row, summed in float64."""
    for i in range(x.shape[0]):
        total = 0.0
        for output in range(x.shape[1]):
            total += x[i, output]
        mean = x.dtype.type(total / x.shape[1])
        for output in range(x.shape[1]):
            x[i, output] = mean


@compiled
def orthogonalize_in_place(x, steps):
    """Moves x towards the nearest semi-orthogonal matrix by this many iterations."""
    a, b, c = x.dtype.type(3.4445), x.dtype.type(-4.775), x.dtype.type(2.0315)
    tall = x.shape[0] > x.shape[1]
    y = x.T.copy() if tall else x.copy()
    y /= x.dtype.type(max(np.sqrt((y * y).sum()), 1e-7))
    for _ in range(int(steps)):
        g = np.dot(y, y.T)
        y = a * y + np.dot(b * g + c * np.dot(g, g), y)
    for i in range(x.shape[0]):
        for output in range(x.shape[1]):
            x[i, output] = y[output, i] if tall else y[i, output]


def names() -> list[str]:
    """Names of these functions in rules."""
    suffix = "_in_place"
    return [n.removesuffix(suffix) for n in vars(sys.modules[__name__]) if n.endswith(suffix)]


def load(name: str) -> Any:
    """The compiled in-place function for a function that rules call by that name."""
    return getattr(sys.modules[__name__], f"{name}_in_place")
