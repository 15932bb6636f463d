"""Schedule-free SGD: gradients taken between its iterate and the average of all iterates."""

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive
from tuner.training.slots import Initial, Scalar


def schedule_free_sgd(
    theta,
    g,
    average: Initial,
    z: Initial,
    largest_lr: Scalar,
    total: Scalar,
    t,
    lr: Positive = 1.0,
    momentum: Fraction = 0.9,
    r: NonNegative = 0.0,
    weight_lr_power: NonNegative = 2.0,
):
    """Schedule-free SGD (Defazio et al. 2024, equations 2 to 4) as in the package schedulefree.

    theta is the paper's y, where gradients are taken; z is SGD's iterate; average is the paper's
    x, which validation sees. A step weighs `t**r` times the largest rate so far to the power
    weight_lr_power in the average. Warmup is the schedule's.

    Args:
        theta, g, average, z, t: y, its gradient, x and z (arrays of one shape); number of the step,
            from 1.
        largest_lr, total: the largest rate and the sum of all weights so far; one number per row.
        lr: the rate of z; the paper's gamma.
        momentum: how near theta is to the average rather than to z; the paper's beta.
        r: power of t in a step's weight; 0 weighs early and late steps alike.
        weight_lr_power: power of the largest rate in a step's weight.

    Returns:
        The new theta, average, z, largest_lr and total.

    At a constant rate the average is the plain mean of SGD's iterates:

    >>> theta, average, z, largest_lr, total, zs = 4.0, 4.0, 4.0, 0.0, 0.0, []
    >>> for t in range(1, 11):
    ...     theta, average, z, largest_lr, total = schedule_free_sgd(
    ...         theta, 2 * theta, average, z, largest_lr, total, t, lr=0.1
    ...     )
    ...     zs.append(z)
    >>> bool(np.isclose(average, np.mean(zs)))
    True
    """
    largest_lr = np.maximum(largest_lr, lr)
    weight = t**r * largest_lr**weight_lr_power
    total = total + weight
    # No weight at all, before the first rate above zero, leaves the average as it is.
    c = weight / np.maximum(total, 1e-300)
    z = z - lr * g
    average = average + c * (z - average)
    return average + (1 - momentum) * (z - average), average, z, largest_lr, total
