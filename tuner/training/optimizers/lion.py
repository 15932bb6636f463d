"""Lion: steps of one length along every axis, by the sign of a momentum that leads the gradient."""

import numpy as np

from tuner.training.domains import Fraction, Positive

DECOUPLED = True


def lion(theta, g, m, t, lr: Positive = 1e-4, beta1: Fraction = 0.9, beta2: Fraction = 0.99):
    """Lion (Chen et al. 2023, Algorithm 2), its weight decay decoupled.

    Args:
        theta, g, m, t: parameters, gradient, its running mean (arrays of one shape); number of the
            step, not used.
        lr: length of every step along every axis; the paper's eta, 3 to 10 times below Adam's.
        beta1: share of m, the rest being g, in the direction of a step (optax's b1).
        beta2: share of m that a step keeps (optax's b2).

    Returns:
        The new theta and m.

    Every step has length lr along every axis:

    >>> theta, m = lion(np.zeros(3), np.array([1e-9, -1.0, 1e9]), 0.0, t=1, lr=0.1)
    >>> theta
    array([-0.1,  0.1, -0.1])
    """
    step = np.sign(beta1 * m + (1 - beta1) * g)
    return theta - lr * step, beta2 * m + (1 - beta2) * g
