"""NAdam: Adam whose momentum looks one step ahead."""

from typing import Any

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive
from tuner.training.slots import scalar_starting

Product: Any = scalar_starting(lambda: 1.0)


def nadam(
    theta,
    g,
    m,
    v,
    product: Product,
    t,
    lr: Positive = 2e-3,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    momentum_decay: NonNegative = 4e-3,
    eps: Positive = 1e-8,
):
    """NAdam (Dozat 2016, Algorithm 2 with the schedule of momentum of its text), as in PyTorch.

    The momentum mu rises from beta1 / 2 to beta1; `product` is the product of all mu so far. Keras
    has the momentum_decay 1, optax keeps mu at beta1.

    Args:
        theta, g, m, v, product, t: parameters, gradient, its running mean, its running square
            (arrays of one shape); the product, one number per row; number of the step, from 1.
        lr: scale of the steps; the paper's alpha.
        beta1: share of m that a step keeps, and the end of mu (PyTorch's betas[0]).
        beta2: share of v that a step keeps (PyTorch's betas[1]).
        momentum_decay: how fast mu rises: beta1 - mu is halved in 17 / momentum_decay steps.
        eps: added to the root of v.

    Returns:
        The new theta, m, v and product.

    Without momentum it is RMSprop, bias corrected:

    >>> theta, *slots = nadam(np.zeros(2), np.array([1e3, -1e-3]), 0, 0, 1.0, 1, lr=0.1, beta1=0.0)
    >>> theta.round(4)
    array([-0.1,  0.1])
    """
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    product = product * mu
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = mu_next / (1 - product * mu_next) * m + (1 - mu) / (1 - product) * g
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v, product
