"""D-Adaptation Adam: Adam whose rate is a growing estimate of the distance to the solution."""

from typing import Any

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive
from tuner.training.rule_language import row_sum
from tuner.training.slots import Scalar, scalar_starting

Distance: Any = scalar_starting(lambda d0: d0)


def dadapt_adam(
    theta,
    g,
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
    weight_decay: NonNegative = 0.0,
):
    """Adam with D-Adaptation (Defazio & Mishchenko 2023) as in optax (dadapt_adamw).

    As in optax, Adam's bias correction scales the rate; the authors' package leaves it out unless
    asked. Both divide the inner product of r by the root of v from before this step. lr multiplies
    the estimate d of the distance; weight decay is decoupled, `d * lr * weight_decay`.

    Args:
        theta, g, m, v, s, t: parameters, gradient, running means of rate * g, of g * g and, over
            more steps, of rate * g (arrays of one shape); number of the step, from 1.
        d, r: the estimate, which never falls, and the running mean of rate times the inner product;
            one number per row.
        lr: multiplies the estimate; 1 trusts it.
        beta1: share of m that a step keeps (betas[0] in both packages).
        beta2: share of v that a step keeps (betas[1]); its root is that of s and r.
        eps: added to the root of v.
        d0: the first estimate, far below the distance (optax's estim_lr0).
        weight_decay: share of theta, times the rate, that a step takes off.

    Returns:
        The new theta, m, v, s, d and r.

    Wherever the estimate starts, it comes within a factor of three of the distance, here 3:

    >>> def estimate(d0):
    ...     theta, *slots = np.array([3.0]), 0.0, 0.0, 0.0, d0, 0.0
    ...     for t in range(1, 401):
    ...         theta, *slots = dadapt_adam(theta, np.sign(theta), *slots, t, d0=d0)
    ...     return float(slots[3])
    >>> [1.0 < estimate(d0) < 9.0 for d0 in (1e-3, 1e-6, 1e-9)]
    [True, True, True]
    """
    beta3 = np.sqrt(beta2)
    rate = d * lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    product = row_sum(g * s / (np.sqrt(v) + eps))
    m = beta1 * m + (1 - beta1) * rate * g
    v = beta2 * v + (1 - beta2) * g * g
    s = beta3 * s + (1 - beta3) * rate * g
    r = beta3 * r + (1 - beta3) * rate * product
    # Without any gradient so far, d stays.
    d = np.maximum(d, r / ((1 - beta3) * np.maximum(row_sum(np.abs(s)), 1e-300)))
    return theta - weight_decay * rate * theta - m / (np.sqrt(v) + eps), m, v, s, d, r
