"""Momentum: SGD along a velocity that remembers past gradients (the heavy ball)."""

from tuner.training.domains import Fraction, Positive


def momentum(theta, g, v, t, lr: Positive = 0.01, momentum: Fraction = 0.9):
    """Polyak's heavy ball (1964), the rate outside the velocity as in PyTorch.

    Keras and scikit-learn keep `lr * v` as the velocity instead: the same path while the rate is
    constant, another one when it decays.

    Args:
        theta, g, v, t: parameters, gradient, velocity (arrays of one shape); number of the step,
            not used.
        lr: the learning rate.
        momentum: share of the velocity that a step keeps; often called beta or mu.

    Returns:
        The new theta and v.

    Under a constant gradient the steps grow towards lr / (1 - momentum):

    >>> x, v = 0.0, 0.0
    >>> for t in range(1, 201):
    ...     last, (x, v) = x, momentum(x, 1.0, v, t, lr=0.01, momentum=0.9)
    >>> round(last - x, 6)
    0.1
    """
    v = momentum * v + g
    return theta - lr * v, v
