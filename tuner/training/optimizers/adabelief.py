"""AdaBelief: Adam whose steps are scaled by the gradient's surprise, not by its size."""

import numpy as np

from tuner.training.domains import Fraction, Positive

DECOUPLED = True


def adabelief(
    theta,
    g,
    m,
    s,
    t,
    lr: Positive = 1e-3,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-16,
):
    """AdaBelief (Zhuang et al. 2020, Algorithm 2), as in optax.

    One epsilon is added to s at every step, where it piles up, and to the root again. The weight
    decay is decoupled, as in the authors' package, which also rectifies the rate as RAdam does
    unless told not to; the paper and optax do not.

    Args:
        theta, g, m, s, t: parameters, gradient, its running mean, the running square of what g
            differs from m (arrays of one shape); number of the step, from 1.
        lr: scale of the steps; the paper's alpha.
        beta1: share of m that a step keeps (the package's betas[0], optax's b1).
        beta2: share of s that a step keeps (the package's betas[1], optax's b2).
        eps: epsilon, in both its places (optax has two, eps and eps_root).

    Returns:
        The new theta, m and s.

    If the gradient stays the same, the steps become longer than Adam's:

    >>> x, m, s = 0.0, 0.0, 0.0
    >>> for t in range(1, 51):
    ...     x, m, s = adabelief(x, 1.0, m, s, t, lr=0.1)
    >>> bool(x < 50 * -0.1)
    True
    """
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps
    m_hat = m / (1 - beta1**t)
    s_hat = s / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(s_hat) + eps), m, s
