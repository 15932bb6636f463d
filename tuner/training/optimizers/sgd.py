"""SGD: a step against the gradient."""

from tuner.training.domains import Positive


def sgd(theta, g, t, lr: Positive = 0.01):
    """Stochastic gradient descent (Robbins & Monro 1951).

    Args:
        theta, g, t: parameters, gradient (arrays of one shape); number of the step, not used.
        lr: the learning rate: length of a step over that of the gradient.

    Returns:
        The new theta.

    On f(x) = x**2 a rate of 0.1 shrinks the distance to the minimum by 0.8 a step:

    >>> x = 10.0
    >>> for t in 1, 2, 3:
    ...     x = sgd(x, 2 * x, t, lr=0.1)
    ...     print(round(x, 2))
    8.0
    6.4
    5.12
    """
    return theta - lr * g
