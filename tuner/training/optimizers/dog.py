"""DoG: the rate is the distance gone so far over the root of the sum of squared gradients."""

from typing import Any

import numpy as np

from tuner.training.domains import NonNegative, Positive
from tuner.training.rule_language import row_sum
from tuner.training.slots import Initial, Scalar, scalar_starting

Distance: Any = scalar_starting(
    lambda theta, initial_share: initial_share * (1 + (theta @ theta) ** 0.5)
)


def dog(
    theta,
    g,
    theta0: Initial,
    average: Initial,
    distance: Distance,
    total: Scalar,
    t,
    lr: Positive = 1.0,
    initial_share: Positive = 1e-6,
    eps: Positive = 1e-8,
    gamma: NonNegative = 8.0,
):
    """Distance over gradients (Ivgi et al. 2023, equation 1), with its average of the iterates.

    The step is that of optax and of the authors' package: eps is added to the sum of squares, and
    the first distance is `initial_share * (1 + |theta0|)`, advised 1e-4 with batch normalization.
    Validation sees the average with weights that grow as t**gamma (Shamir & Zhang 2013, as in the
    authors' package; optax leaves it out). lr multiplies the rate.

    Args:
        theta, g, theta0, average, t: parameters, gradient, where theta started, the average of its
            path (arrays of one shape); number of the step, from 1.
        distance, total: the largest distance from theta0 so far, and the sum of the squared norms
            of gradients; one number per row.
        lr: multiplies the rate, distance / sqrt(total + eps).
        initial_share: of 1 + |theta0|, that the first distance is (the package's reps_rel).
        eps: added to total.
        gamma: how much more late iterates count in the average; 0 is the plain mean.

    Returns:
        The new theta, theta0 as it is, and the new average, distance and total.

    The scale of the loss does not matter:

    >>> def after(scale, steps=300):
    ...     theta, *slots = np.array([3.0]), np.array([3.0]), np.array([3.0]), 4e-6, 0.0
    ...     for t in range(1, steps + 1):
    ...         theta, *slots = dog(theta, scale * theta, *slots, t)
    ...     return theta
    >>> bool(np.isclose(after(1.0), after(1e6)).all()), bool(abs(after(1.0)[0]) < 0.3)
    (True, True)
    """
    distance = np.maximum(distance, np.sqrt(row_sum((theta - theta0) ** 2)))
    total = total + row_sum(g * g)
    theta = theta - lr * distance / np.sqrt(total + eps) * g
    average = average + (1 + gamma) / (t + gamma) * (theta - average)
    return theta, theta0, average, distance, total
