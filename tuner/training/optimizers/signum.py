"""Signum: steps of one length along every axis, by the sign of the momentum."""

import numpy as np

from tuner.training.domains import Fraction, Positive


def signum(theta, g, m, t, lr: Positive = 1e-4, momentum: Fraction = 0.9):
    """Signum (Bernstein et al. 2018, Algorithm 2); with momentum 0 it is signSGD.

    The weight decay is coupled, as in the authors' code.

    Args:
        theta, g, m, t: parameters, gradient, its running mean (arrays of one shape); number of the
            step, not used.
        lr: length of every step along every axis; the paper's delta.
        momentum: share of m that a step keeps; the paper's beta.

    Returns:
        The new theta and m.

    Every step has length lr along every axis, whatever the gradient's scale:

    >>> theta, m = signum(np.zeros(3), np.array([1e-9, -1.0, 1e9]), 0.0, t=1, lr=0.1)
    >>> theta
    array([-0.1,  0.1, -0.1])
    """
    m = momentum * m + (1 - momentum) * g
    return theta - lr * np.sign(m), m
