"""Schedule-free AdamW: Adam without momentum, its iterates averaged as they come."""

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive
from tuner.training.slots import Initial, Scalar


def schedule_free_adamw(
    theta,
    g,
    average: Initial,
    z: Initial,
    v,
    largest_lr: Scalar,
    total: Scalar,
    t,
    lr: Positive = 0.0025,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.0,
    r: NonNegative = 0.0,
    weight_lr_power: NonNegative = 2.0,
):
    """Schedule-free AdamW (Defazio et al. 2024, Algorithm 1) as in the package schedulefree.

    theta is the paper's y, where gradients are taken and weight decay is; z is the iterate of Adam
    without momentum; average is the paper's x, which validation sees. A step weighs `t**r` times
    the largest rate so far to the power weight_lr_power in the average. Warmup is the schedule's.

    Args:
        theta, g, average, z, v, t: y, its gradient, x, z, the running square of g (arrays of one
            shape); number of the step, from 1.
        largest_lr, total: the largest rate and the sum of all weights so far; one number per row.
        lr: scale of the steps of z; the paper's gamma.
        beta1: how near theta is to the average rather than to z (schedulefree's betas[0]).
        beta2: share of v that a step keeps (schedulefree's betas[1]).
        eps: added to the root of v.
        weight_decay: of y, in the step of z, times lr.
        r: power of t in a step's weight; 0 weighs early and late steps alike.
        weight_lr_power: power of the largest rate in a step's weight.

    Returns:
        The new theta, average, z, v, largest_lr and total.

    The first step has length lr along every axis, whatever the gradient's scale:

    >>> g, zero = np.array([1e-3, -1.0, 1e3]), np.zeros(3)
    >>> theta, average, *_ = schedule_free_adamw(zero, g, zero, zero, 0.0, 0.0, 0.0, t=1, lr=0.1)
    >>> average.round(4)
    array([-0.1,  0.1, -0.1])
    """
    v = beta2 * v + (1 - beta2) * g * g
    largest_lr = np.maximum(largest_lr, lr)
    weight = t**r * largest_lr**weight_lr_power
    total = total + weight
    # No weight at all, before the first rate above zero, leaves the average as it is.
    c = weight / np.maximum(total, 1e-300)
    z = z - lr * (g / (np.sqrt(v / (1 - beta2**t)) + eps) + weight_decay * theta)
    average = average + c * (z - average)
    return average + (1 - beta1) * (z - average), average, z, v, largest_lr, total
