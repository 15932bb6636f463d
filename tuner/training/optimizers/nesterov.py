"""Nesterov: momentum whose step looks one step ahead along its velocity."""

from tuner.training.domains import Fraction, Positive


def nesterov(theta, g, v, t, lr: Positive = 0.01, momentum: Fraction = 0.9):
    """Nesterov's accelerated gradient in the form of Sutskever et al. (2013), as in PyTorch.

    The parameters are kept at the point that looks ahead, so the gradient is taken where they are;
    the rate is outside the velocity.

    Args:
        theta, g, v, t: parameters, gradient, velocity (arrays of one shape); number of the step,
            not used.
        lr: the learning rate; the paper's epsilon.
        momentum: share of the velocity that a step keeps; the paper's mu.

    Returns:
        The new theta and v.

    Without momentum it is SGD:

    >>> nesterov(1.0, 2.0, 0.0, 1, lr=0.1, momentum=0.0)
    (0.8, 2.0)
    """
    v = momentum * v + g
    return theta - lr * (g + momentum * v), v
