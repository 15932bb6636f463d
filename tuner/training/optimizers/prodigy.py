"""Prodigy: Adam whose rate is an estimate of the distance to the solution, grown from gradients."""

from typing import Any

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive
from tuner.training.rule_language import row_sum
from tuner.training.slots import Initial, Scalar, scalar_starting

Distance: Any = scalar_starting(lambda d0: d0)


def prodigy(
    theta,
    g,
    theta0: Initial,
    m,
    v,
    s,
    d: Distance,
    r: Scalar,
    t,
    lr: Positive = 1.0,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-8,
    d0: Positive = 1e-6,
    d_coef: Positive = 1.0,
    weight_decay: NonNegative = 0.0,
):
    """Prodigy (Mishchenko & Defazio 2024), its Adam version, as in the authors' package prodigyopt.

    Without bias correction, which optax always applies and prodigyopt if asked. lr multiplies the
    estimate d of the distance, d_coef the candidates for it; weight decay is decoupled,
    `d * lr * weight_decay`.

    Args:
        theta, g, theta0, m, v, s, t: parameters, gradient, where theta started, running means of d
            * g and of its square, a fading sum of weighted gradients (arrays of one shape); number
            of the step, not used.
        d, r: the estimate, which never falls, and the fading sum of inner products; one number per
            row.
        lr: multiplies the estimate; 1 trusts it.
        beta1: share of m that a step keeps (prodigyopt's betas[0]).
        beta2: share of v that a step keeps (prodigyopt's betas[1]); its root is that of s and r.
        eps: times d, added to the root of v.
        d0: the first estimate, far below the distance.
        d_coef: multiplies the candidates; 0.5 is cautious, 2 bold.
        weight_decay: share of theta, times the rate, that a step takes off.

    Returns:
        The new theta, theta0 as it is, and the new m, v, s, d and r.

    Wherever the estimate starts, it comes within a factor of three of the distance, here 3:

    >>> def estimate(d0):
    ...     theta, *slots = np.array([3.0]), 3.0, 0.0, 0.0, 0.0, d0, 0.0
    ...     for t in range(1, 401):
    ...         theta, *slots = prodigy(theta, np.sign(theta), *slots, t, d0=d0)
    ...     return float(slots[4])
    >>> [1.0 < estimate(d0) < 9.0 for d0 in (1e-3, 1e-6, 1e-9)]
    [True, True, True]
    """
    beta3 = np.sqrt(beta2)
    rate = d * lr
    weight = d / d0 * rate
    m = beta1 * m + (1 - beta1) * d * g
    v = beta2 * v + (1 - beta2) * d * d * g * g
    s = beta3 * s + weight * g
    r = beta3 * r + weight * row_sum(g * (theta0 - theta))
    # Without any gradient so far, d stays.
    d = np.maximum(d, d_coef * r / np.maximum(row_sum(np.abs(s)), 1e-300))
    step = rate * m / (np.sqrt(v) + d * eps)
    return theta - weight_decay * rate * theta - step, theta0, m, v, s, d, r
