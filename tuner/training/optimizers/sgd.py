"""SGD: a step against the gradient."""

from tuner.training.domains import Positive


def sgd(theta, g, t, lr: Positive = 0.01):
    """Stochastic gradient descent (Robbins & Monro 1951).

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
