"""Lion: steps of one length along every axis, by the sign of a momentum that leads the gradient."""

import numpy as np

from tuner.training.domains import Fraction, Positive

DECOUPLED = True


def lion(theta, g, m, t, lr: Positive = 1e-4, beta1: Fraction = 0.9, beta2: Fraction = 0.99):
    """Lion (Chen et al. 2023, Algorithm 2), its weight decay decoupled.

    Every step has length lr along every axis:

    >>> theta, m = lion(np.zeros(3), np.array([1e-9, -1.0, 1e9]), 0.0, t=1, lr=0.1)
    >>> theta
    array([-0.1,  0.1, -0.1])
    """
    step = np.sign(beta1 * m + (1 - beta1) * g)
    return theta - lr * step, beta2 * m + (1 - beta2) * g
