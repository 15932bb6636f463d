"""Activations: nonlinearities in two in-place halves.

`<name>(z, b, work, at)` replaces z (samples, units) by the activation of z + b.
`<name>_backward(a, work, at, d)` multiplies d by the derivative. The derivative follows from the
activation a, or, where a does not determine it, the first half stores it, (samples, units), in
`work` from index `at` on. `load` compiles both.
"""

import sys
from typing import Any

import numpy as np

from tuner.training.kernels.compiling import compiled, specialised
from tuner.training.kernels.elementary import hyperbolic_tangent, normal, sigmoid

LEAK = 0.01


@compiled
def identity(z, b):
    """z + b, for the output layer."""
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            z[sample, unit] += b[unit]


def relu(z, b, work, at):
    """max(0, z), where nan stays nan."""
    zero = z.dtype.type(0)
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            a = z[sample, unit] + b[unit]
            z[sample, unit] = zero if a < zero else a  # nan stays nan


def relu_backward(a, work, at, d):
    """1 where the activation is above 0, else 0."""
    zero = d.dtype.type(0)
    for sample in range(d.shape[0]):
        for unit in range(d.shape[1]):
            d[sample, unit] = zero if a[sample, unit] <= zero else d[sample, unit]


def leaky_relu(z, b, work, at):
    """z where it is positive, else LEAK times z (Maas et al. 2013)."""
    zero, leak = z.dtype.type(0), z.dtype.type(LEAK)
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            a = z[sample, unit] + b[unit]
            z[sample, unit] = leak * a if a < zero else a


def leaky_relu_backward(a, work, at, d):
    """1 where the activation is above 0, else LEAK."""
    zero, leak = d.dtype.type(0), d.dtype.type(LEAK)
    for sample in range(d.shape[0]):
        for unit in range(d.shape[1]):
            own = d[sample, unit]
            d[sample, unit] = leak * own if a[sample, unit] <= zero else own


def tanh(z, b, work, at):
    """The hyperbolic tangent, computed in float64."""
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            z[sample, unit] = hyperbolic_tangent(np.float64(z[sample, unit] + b[unit]))


def tanh_backward(a, work, at, d):
    """1 - a**2."""
    one = d.dtype.type(1)
    for sample in range(d.shape[0]):
        for unit in range(d.shape[1]):
            d[sample, unit] *= one - a[sample, unit] * a[sample, unit]


def logistic(z, b, work, at):
    """1 / (1 + exp(-z)), computed in float64."""
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            z[sample, unit] = sigmoid(np.float64(z[sample, unit] + b[unit]))


def logistic_backward(a, work, at, d):
    """a (1 - a)."""
    one = d.dtype.type(1)
    for sample in range(d.shape[0]):
        for unit in range(d.shape[1]):
            d[sample, unit] *= a[sample, unit] * (one - a[sample, unit])


def gelu(z, b, work, at):
    """z times the standard normal distribution function of z (Hendrycks & Gimpel 2016).

    It is exact, not the tanh approximation.
    """
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            x = np.float64(z[sample, unit] + b[unit])
            share, density = normal(x)
            z[sample, unit] = x * share
            work[at + sample * z.shape[1] + unit] = share + x * density


def gelu_backward(a, work, at, d):
    """The derivative that `gelu` stored in work."""
    for sample in range(d.shape[0]):
        for unit in range(d.shape[1]):
            d[sample, unit] *= work[at + sample * d.shape[1] + unit]


def silu(z, b, work, at):
    """z times the logistic function of z (Elfwing et al. 2018); also known as swish."""
    for sample in range(z.shape[0]):
        for unit in range(z.shape[1]):
            x = np.float64(z[sample, unit] + b[unit])
            share = sigmoid(x)
            z[sample, unit] = x * share
            work[at + sample * z.shape[1] + unit] = share * (1.0 + x * (1.0 - share))


def silu_backward(a, work, at, d):
    """The derivative that `silu` stored in work."""
    for sample in range(d.shape[0]):
        for unit in range(d.shape[1]):
            d[sample, unit] *= work[at + sample * d.shape[1] + unit]


def names() -> list[str]:
    """Names of all activations: the functions here that have a `_backward`."""
    return [n.removesuffix("_backward") for n in vars(sys.modules[__name__]) if "_backward" in n]


def load(name: str) -> tuple[Any, Any]:
    """The two halves of an activation, compiled.

    Raises:
        KeyError: no activation has that name.
    """
    if name not in names():
        raise KeyError(name)
    functions = vars(sys.modules[__name__])
    return specialised(functions[name]), specialised(functions[f"{name}_backward"])
