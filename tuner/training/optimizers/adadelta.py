"""Adadelta: steps scaled by the ratio of past steps to past gradients."""

import numpy as np

from tuner.training.domains import Fraction, Positive


def adadelta(
    theta, g, squares, deltas, t, lr: Positive = 1.0, rho: Fraction = 0.9, eps: Positive = 1e-6
):
    """Adadelta (Zeiler 2012, Algorithm 1), epsilon inside both roots; lr is 1 in the paper.

    PyTorch and optax agree; Keras has rho 0.95, eps 1e-7 and lr 0.001 by default.

    Args:
        theta, g, squares, deltas, t: parameters, gradient, running means of the squares of
            gradients and of steps (arrays of one shape); number of the step, from 1.
        lr: multiplies the step that the rule finds.
        rho: share of both running means that a step keeps.
        eps: added to both before the roots; the first step is some sqrt(eps / (1 - rho)) long.

    Returns:
        The new theta, squares and deltas.

    Steps have the units of the parameters: unlike those of SGD, their length does not depend on
    the scale of the gradient.

    >>> theta, squares, deltas = adadelta(np.zeros(2), np.array([1.0, 1e6]), 0.0, 0.0, t=1)
    >>> theta.round(5)
    array([-0.00316, -0.00316])
    """
    squares = rho * squares + (1 - rho) * g * g
    delta = np.sqrt((deltas + eps) / (squares + eps)) * g
    deltas = rho * deltas + (1 - rho) * delta * delta
    return theta - lr * delta, squares, deltas
