"""RAdam: Adam that starts as momentum, until its running square can be trusted."""

import numpy as np

from tuner.training.domains import Fraction, Positive


def radam(
    theta,
    g,
    m,
    v,
    t,
    lr: Positive = 1e-3,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-8,
):
    """Rectified Adam (Liu et al. 2020, Algorithm 2), as in PyTorch.

    `rho` is the number of gradients that the running square is worth; up to 5 of them (the paper:
    4; optax: 5, included) the step is that of momentum, then Adam's times a rectification that
    rises to 1. Epsilon is added before the bias correction (optax: after it).

    Args:
        theta, g, m, v, t: parameters, gradient, its running mean, its running square (arrays of one
            shape); number of the step, from 1.
        lr: scale of the steps; the paper's alpha.
        beta1: share of m that a step keeps (PyTorch's betas[0], optax's b1).
        beta2: share of v that a step keeps (PyTorch's betas[1], optax's b2).
        eps: added to the root of v.

    Returns:
        The new theta, m and v.

    The first steps are along the gradient, with its length:

    >>> theta, m, v = radam(np.zeros(2), np.array([2.0, -0.1]), 0.0, 0.0, t=1, lr=0.1)
    >>> theta.round(4)
    array([-0.2 ,  0.01])
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    rho_max = 2 / (1 - beta2) - 1
    rho = rho_max - 2 * t * beta2**t / (1 - beta2**t)
    r = np.maximum(rho, 5)
    r_max = np.maximum(rho_max, 5)
    spread = (rho > 5) * (r - 4) * (r - 2) * r_max / ((r_max - 4) * (r_max - 2) * r)
    rectified = np.sqrt(spread * (1 - beta2**t))  # 0 up to a rho of 5
    return theta - lr * m_hat * (rectified / (np.sqrt(v) + eps) + (rho <= 5)), m, v
