"""MoMo: momentum, its rate cut to where a linear model of the loss meets its lower bound."""

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive
from tuner.training.rule_language import row_sum
from tuner.training.slots import Scalar


def momo(
    theta,
    g,
    m,
    f: Scalar,
    gamma: Scalar,
    t,
    loss,
    lr: Positive = 1.0,
    beta: Fraction = 0.9,
    lower_bound: NonNegative = 0.0,
    weight_decay: NonNegative = 0.0,
):
    """MoMo (Schaipp et al. 2024) as in the authors' package momo-opt.

    The averages of losses, gradients and their products with theta start from the first ones. lr
    is the largest rate; lower_bound is a bound of the loss; weight decay divides the weights by
    `1 + lr * weight_decay` after the step.

    Args:
        theta, g, m, t: parameters, gradient, its running mean (arrays of one shape); number of the
            step, from 1.
        f, gamma, loss: running means of losses and of the inner products of g and theta, and this
            step's loss; one number per row.
        lr: the largest rate; the paper's alpha.
        beta: share of the running means that a step keeps.
        lower_bound: a lower bound of the loss; the paper's f_*, the package's lb.
        weight_decay: the paper's lambda.

    Returns:
        The new theta, m, f and gamma.

    Without momentum it is Polyak's step, which on x**2 halves x:

    >>> x, *_ = momo(8.0, 16.0, 0.0, 0.0, 0.0, t=1, loss=64.0, beta=0.0)
    >>> float(x)
    4.0
    """
    b = beta * (t > 1)
    f = b * f + (1 - b) * loss
    m = b * m + (1 - b) * g
    gamma = b * gamma + (1 - b) * row_sum(g * theta)
    shrinkage = 1 + lr * weight_decay
    gap = shrinkage * (f - lower_bound - gamma) + row_sum(m * theta)
    # Without a gradient the rate does not matter.
    polyak = np.maximum(gap, 0.0) / np.maximum(row_sum(m * m), 1e-300)
    return (theta - np.minimum(lr, polyak) * m) / shrinkage, m, f, gamma
