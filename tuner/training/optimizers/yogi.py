"""Yogi: Adam whose running square changes by steps that do not depend on its own size."""

from typing import Any

import numpy as np

from tuner.training.domains import Fraction, Positive
from tuner.training.slots import starting

Accumulator: Any = starting(lambda: 1e-6)


def yogi(
    theta,
    g,
    m: Accumulator,
    v: Accumulator,
    t,
    lr: Positive = 0.01,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-3,
):
    """Yogi (Zaheer et al. 2018, Algorithm 2), as in optax.

    Both moments start at 1e-6 and are corrected for their bias; the paper starts m at zero and
    corrects neither.

    Args:
        theta, g, m, v, t: parameters, gradient, its running mean, the estimate of its square
            (arrays of one shape); number of the step, from 1.
        lr: scale of the steps; the paper's eta.
        beta1: share of m that a step keeps (optax's b1).
        beta2: v changes by (1 - beta2) * g**2 a step, whatever v is (optax's b2).
        eps: added to the root of v.

    Returns:
        The new theta, m and v.

    A large v forgets slowly: by (1 - beta2) * g**2 a step, where Adam's forgets a share of itself.

    >>> theta, m, v = yogi(0.0, 1.0, 0.0, 100.0, t=1, beta2=0.9)
    >>> round(float(v), 6)
    99.9
    """
    m = beta1 * m + (1 - beta1) * g
    v = v - (1 - beta2) * np.sign(v - g * g) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v
