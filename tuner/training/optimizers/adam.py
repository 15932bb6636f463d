"""Adam: steps scaled by the running mean and square of the gradient."""

import numpy as np

from tuner.training.domains import Fraction, Positive


def adam(
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
    """Adam (Kingma & Ba 2015, Algorithm 1), epsilon outside the root and after bias correction.

    Args:
        theta, g, m, v, t: parameters, gradient, its running mean, its running square (arrays of one
            shape); number of the step, from 1.
        lr: roughly the longest step along an axis; the paper's alpha.
        beta1: share of m that a step keeps (PyTorch's betas[0], optax's b1).
        beta2: share of v that a step keeps (PyTorch's betas[1], optax's b2).
        eps: added to the root of v, so that tiny gradients make short steps.

    Returns:
        The new theta, m and v.

    The first step has length lr along every axis, whatever the gradient's scale:

    >>> g = np.array([1e-3, -1.0, 1e3])
    >>> theta, m, v = adam(np.zeros(3), g, 0.0, 0.0, t=1, lr=0.1)
    >>> theta.round(4)
    array([-0.1,  0.1, -0.1])
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v
