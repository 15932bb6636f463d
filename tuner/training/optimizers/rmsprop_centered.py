"""Centered RMSprop: steps divided by the running standard deviation of the gradient."""

import numpy as np

from tuner.training.domains import Fraction, Positive


def rmsprop_centered(
    theta,
    g,
    squares,
    mean,
    v,
    t,
    lr: Positive = 0.01,
    alpha: Fraction = 0.99,
    momentum: Fraction = 0.0,
    eps: Positive = 1e-8,
):
    """Centered RMSprop (Graves 2013, equations 38 to 41), as in PyTorch.

    Epsilon, 1e-4 with Graves, is outside the root (there, in optax and in Keras: inside), and the
    rate is outside the velocity.

    Args:
        theta, g, squares, mean, v, t: parameters, gradient, its running square, its running mean,
            velocity (arrays of one shape); number of the step, not used.
        lr: scale of the steps.
        alpha: share of squares and mean that a step keeps (optax's decay, Keras's rho).
        momentum: share of the velocity that a step keeps.
        eps: added to the standard deviation.

    Returns:
        The new theta, squares, mean and v.

    The surer the direction, the longer the step:

    >>> steps = []
    >>> for noise in 1.0, 0.1:
    ...     x, slots = 0.0, (0.0, 0.0, 0.0)
    ...     for t in range(1, 1001):
    ...         last, (x, *slots) = x, rmsprop_centered(x, 1 + noise * (-1) ** t, *slots, t)
    ...     steps.append((last - x) / (1 + noise))
    >>> bool(steps[1] > 9 * steps[0])
    True
    """
    squares = alpha * squares + (1 - alpha) * g * g
    mean = alpha * mean + (1 - alpha) * g
    # Rounding may take the variance of a steady gradient below zero.
    variance = np.maximum(squares - mean * mean, 0.0)
    v = momentum * v + g / (np.sqrt(variance) + eps)
    return theta - lr * v, squares, mean, v
