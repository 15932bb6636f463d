"""DoWG: DoG with squared gradients weighted by the squared distance at their step."""

from typing import Any

import numpy as np

from tuner.training.domains import Positive
from tuner.training.rule_language import row_sum
from tuner.training.slots import Initial, Scalar, scalar_starting

SquaredDistance: Any = scalar_starting(lambda initial_distance: initial_distance * initial_distance)


def dowg(
    theta,
    g,
    theta0: Initial,
    squared_distance: SquaredDistance,
    total: Scalar,
    t,
    lr: Positive = 1.0,
    initial_distance: Positive = 0.01,
    eps: Positive = 1e-4,
):
    """Distance over weighted gradients (Khaled et al. 2023, Algorithm 1) as in optax.

    eps, which the paper does not have, is added to the root; optax and the authors' code take it
    for the square of initial_distance, too. The package dowg 0.3.1 is another rule: it clips the
    gradient at 0.5, and starts from a squared distance of 0.9999. lr multiplies the rate.

    Args:
        theta, g, theta0, t: parameters, gradient, where theta started (arrays of one shape); number
            of the step, not used.
        squared_distance, total: the square of the largest distance from theta0 so far, and the sum
            of squared norms of gradients, each times the squared distance at its step; one number
            per row.
        lr: multiplies the rate, squared_distance / (sqrt(total) + eps).
        initial_distance: the first distance; the paper's r_epsilon.
        eps: added to the root of total.

    Returns:
        The new theta, theta0 as it is, and the new squared_distance and total.

    The scale of the loss does not matter:

    >>> def after(scale, steps=100):
    ...     theta, *slots = np.array([3.0]), np.array([3.0]), 1e-4, 0.0
    ...     for t in range(1, steps + 1):
    ...         theta, *slots = dowg(theta, scale * theta, *slots, t, eps=1e-12)
    ...     return theta
    >>> bool(np.isclose(after(1.0), after(1e6)).all()), bool(abs(after(1.0)[0]) < 0.3)
    (True, True)
    """
    squared_distance = np.maximum(squared_distance, row_sum((theta - theta0) ** 2))
    total = total + squared_distance * row_sum(g * g)
    step = lr * squared_distance / (np.sqrt(total) + eps) * g
    return theta - step, theta0, squared_distance, total
