"""MoMo-Adam: Adam, its rate cut to where a linear model of the loss meets its lower bound."""

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive
from tuner.training.rule_language import row_sum
from tuner.training.slots import Scalar


def momo_adam(
    theta,
    g,
    m,
    v,
    f: Scalar,
    gamma: Scalar,
    t,
    loss,
    lr: Positive = 1e-2,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-8,
    lower_bound: NonNegative = 0.0,
    weight_decay: NonNegative = 0.0,
):
    """MoMo-Adam (Schaipp et al. 2024) as in the authors' package momo-opt.

    lr is the largest rate; lower_bound is a bound of the loss; weight decay divides the weights by
    `1 + lr * weight_decay` after the step.

    Args:
        theta, g, m, v, t: parameters, gradient, its running mean, its running square (arrays of one
            shape); number of the step, from 1.
        f, gamma, loss: running means of losses and of the inner products of g and theta, and this
            step's loss; one number per row.
        lr: the largest rate; the paper's alpha.
        beta1: share of m, f and gamma that a step keeps (the package's betas[0]).
        beta2: share of v that a step keeps (the package's betas[1]).
        eps: added to the root of v.
        lower_bound: a lower bound of the loss; the paper's f_*, the package's lb.
        weight_decay: the paper's lambda.

    Returns:
        The new theta, m, v, f and gamma.

    A rate that would be far too large is cut: from 8, a first step on x**2 halves x.

    >>> x, *_ = momo_adam(8.0, 16.0, 0.0, 0.0, 0.0, 0.0, t=1, loss=64.0, lr=1e3)
    >>> float(x)
    4.0
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    f = beta1 * f + (1 - beta1) * loss
    gamma = beta1 * gamma + (1 - beta1) * row_sum(g * theta)
    correction = 1 - beta1**t
    direction = m / (np.sqrt(v / (1 - beta2**t)) + eps)
    shrinkage = 1 + lr * weight_decay
    gap = shrinkage * (f - correction * lower_bound - gamma) + row_sum(m * theta)
    # Without a gradient the rate does not matter.
    polyak = np.maximum(gap, 0.0) / np.maximum(row_sum(m * direction), 1e-300)
    rate = np.minimum(lr / correction, polyak)
    return (theta - rate * direction) / shrinkage, m, v, f, gamma
