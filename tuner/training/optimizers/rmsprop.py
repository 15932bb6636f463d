"""RMSprop: steps divided by the root of the running mean of the squared gradient."""

import numpy as np

from tuner.training.domains import Fraction, Positive


def rmsprop(
    theta,
    g,
    squares,
    v,
    t,
    lr: Positive = 0.01,
    alpha: Fraction = 0.99,
    momentum: Fraction = 0.0,
    eps: Positive = 1e-8,
):
    """RMSprop (Tieleman & Hinton 2012, lecture 6e), with momentum, as in PyTorch.

    Epsilon is outside the root (optax and Keras: inside), the running mean starts at zero, and the
    rate is outside the velocity (Keras: inside).

    Args:
        theta, g, squares, v, t: parameters, gradient, its running square, velocity (arrays of one
            shape); number of the step, not used.
        lr: scale of the steps.
        alpha: share of squares that a step keeps (optax's decay, Keras's rho).
        momentum: share of the velocity that a step keeps.
        eps: added to the root of squares.

    Returns:
        The new theta, squares and v.

    With nothing remembered only the sign of the gradient counts:

    >>> theta, squares, v = rmsprop(np.zeros(2), np.array([1e3, -1e-3]), 0, 0, 1, lr=0.1, alpha=0.0)
    >>> theta.round(4)
    array([-0.1,  0.1])
    """
    squares = alpha * squares + (1 - alpha) * g * g
    v = momentum * v + g / (np.sqrt(squares) + eps)
    return theta - lr * v, squares, v
