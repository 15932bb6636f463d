"""Activations: nonlinearities in two in-place halves.

`<name>(z, b)` turns z (samples, units) into the activation of z + b; `<name>_backward(a, d)`
multiplies d by the derivative, told from the activation a. Both are compiled.
"""

import sys
from typing import Any

import numpy as np

from tuner.training.compiling import compiled


@compiled
def identity(z, b):
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            z[sample, unit] += b[unit]


@compiled
def relu(z, b):
    zero = z.dtype.type(0)
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            a = z[sample, unit] + b[unit]
            z[sample, unit] = zero if a < zero else a  # nan stays nan


@compiled
def relu_backward(a, d):
    zero = d.dtype.type(0)
    for sample in range(d.shape[0]):
        for unit in range(d.shape[1]):
            d[sample, unit] = zero if a[sample, unit] <= zero else d[sample, unit]


@compiled
def tanh(z, b):
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            z[sample, unit] = np.tanh(z[sample, unit] + b[unit])


@compiled
def tanh_backward(a, d):
    one = d.dtype.type(1)
    for sample in range(d.shape[0]):
        for unit in range(d.shape[1]):
            d[sample, unit] *= one - a[sample, unit] * a[sample, unit]


@compiled
def logistic(z, b):
    one, half = z.dtype.type(1), z.dtype.type(0.5)
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            # 1 / (1 + exp(-z)) without overflow.
            z[sample, unit] = half * (one + np.tanh(half * (z[sample, unit] + b[unit])))


@compiled
def logistic_backward(a, d):
    one = d.dtype.type(1)
    for sample in range(d.shape[0]):
        for unit in range(d.shape[1]):
            d[sample, unit] *= a[sample, unit] * (one - a[sample, unit])


def names() -> list[str]:
    """Names of all activations: the functions here that have a `_backward`."""
    return [n.removesuffix("_backward") for n in vars(sys.modules[__name__]) if "_backward" in n]


def load(name: str) -> tuple[Any, Any]:
    """The two halves of an activation. Raises KeyError for a name that none bears."""
    if name not in names():
        raise KeyError(name)
    functions = vars(sys.modules[__name__])
    return functions[name], functions[f"{name}_backward"]
