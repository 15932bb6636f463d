"""Averaged SGD: SGD whose late parameters are averaged."""

import numpy as np

from tuner.training.domains import NonNegative, Positive
from tuner.training.slots import Initial


def asgd(
    theta,
    g,
    average: Initial,
    t,
    lr: Positive = 0.01,
    lambd: NonNegative = 1e-4,
    alpha: NonNegative = 0.75,
    t0: NonNegative = 1e6,
):
    """Averaged stochastic gradient descent (Polyak & Juditsky 1992), as in PyTorch.

    The rate falls as lr / (1 + lambd * lr * (t - 1))**alpha and shrinks the parameters by
    1 - lambd * rate (Bottou's SGD for an L2 penalty of lambd); after t0 + 1 steps the parameters
    are averaged. As in PyTorch t0 is so late by default that the average is the parameters.

    Args:
        theta, g, average, t: parameters, gradient, the average (arrays of one shape); number of the
            step, from 1.
        lr: the first rate; eta0 in PyTorch's state.
        lambd: strength of the L2 penalty, which also slows the rate down.
        alpha: power of that slowing down.
        t0: steps, not a share of them, before the average begins.

    Returns:
        The new theta and average.

    Where SGD jumps over the minimum for ever, its average comes to rest:

    >>> x, average = 9.0, 9.0
    >>> for t in range(1, 1002):
    ...     x, average = asgd(x, 2 * x, average, t, lr=1.0, lambd=0.0, t0=0)
    >>> x, float(round(abs(average), 9))
    (-9.0, 0.0)
    """
    rate = lr / (1 + lambd * lr * (t - 1)) ** alpha
    theta = (1 - lambd * rate) * theta - rate * g
    return theta, average + (theta - average) / np.maximum(t - 1 - t0, 1)
