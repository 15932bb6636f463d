"""Adan: Adam with Nesterov's momentum, estimated from differences of gradients."""

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive


def adan(
    theta,
    g,
    m,
    v,
    n,
    last_g,
    t,
    lr: Positive = 1e-3,
    beta1: Fraction = 0.98,
    beta2: Fraction = 0.92,
    beta3: Fraction = 0.99,
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.0,
):
    """Adan (Xie et al. 2022, Algorithm 1) without restarts, bias-corrected as in the authors' code.

    The betas are shares of the past that are kept, as in the authors' code; the paper calls
    1 - beta what is called beta here, so that its 1 - beta2 before v is beta2. optax kept the
    paper's 1 - beta2 there with betas of the other meaning: another rule, unless beta2 is 0.5.
    The decay is proximal: the new weights are divided by 1 + lr * weight_decay.

    Args:
        theta, g, m, v, n, last_g, t: parameters, gradient, running means of it, of its differences
            and of its squares looking ahead, the last gradient (arrays of one shape); number of the
            step, from 1.
        lr: scale of the steps; the paper's eta.
        beta1: share of m that a step keeps.
        beta2: share of v that a step keeps, and how far the differences look ahead.
        beta3: share of n that a step keeps.
        eps: added to the root of n.
        weight_decay: of the proximal decay; the paper's lambda.

    Returns:
        The new theta, m, v, n and, as the last gradient, g.

    Under a constant gradient there are no differences, and the steps have length lr:

    >>> x, m, v, n, last_g = 0.0, 0.0, 0.0, 0.0, 0.0
    >>> for t in range(1, 11):
    ...     x, m, v, n, last_g = adan(x, 3.0, m, v, n, last_g, t, lr=0.1)
    >>> round(float(x), 6)
    -1.0
    """
    difference = (t > 1) * (g - last_g)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * difference
    n = beta3 * n + (1 - beta3) * (g + beta2 * difference) ** 2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    n_hat = n / (1 - beta3**t)
    theta = theta - lr * (m_hat + beta2 * v_hat) / (np.sqrt(n_hat) + eps)
    return theta / (1 + lr * weight_decay), m, v, n, g
