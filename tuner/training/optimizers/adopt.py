"""ADOPT: Adam that scales each gradient by earlier squared gradients, and averages afterwards."""

import numpy as np

from tuner.training.domains import Fraction, Positive


def adopt(
    theta,
    g,
    m,
    v,
    t,
    lr: Positive = 1e-3,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.9999,
    eps: Positive = 1e-6,
):
    """ADOPT (Taniguchi et al. 2024, Algorithm 2 with its clipping), as in optax.

    The scaled gradient is cut off at the fourth root of the number of steps before this one.

    Args:
        theta, g, m, v, t: parameters, gradient, the running mean of scaled gradients, the running
            square of gradients up to the last step (arrays of one shape); number of the step, from
            1.
        lr: scale of the steps; the paper's alpha.
        beta1: share of m that a step keeps (optax's b1).
        beta2: share of v that a step keeps (optax's b2).
        eps: lower bound of what a gradient is divided by.

    Returns:
        The new theta, m and v.

    The first step only measures:

    >>> adopt(1.0, 3.0, 0.0, 0.0, t=1) == (1.0, 0.0, 9.0)
    True
    """
    limit = (t - 1) ** 0.25
    kept = beta2 * (t > 1)
    scaled = g / np.maximum(np.sqrt(v), eps)
    m = beta1 * m + (1 - beta1) * np.minimum(np.maximum(scaled, -limit), limit)
    v = kept * v + (1 - kept) * g * g
    return theta - lr * m, m, v
