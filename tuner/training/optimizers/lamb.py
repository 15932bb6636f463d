"""LAMB: Adam in which every tensor moves by a share of its own norm."""

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive
from tuner.training.rule_language import tensor_sum


def lamb(
    theta,
    g,
    m,
    v,
    t,
    lr: Positive = 1e-3,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-6,
    weight_decay: NonNegative = 0.0,
):
    """LAMB (You et al. 2020, Algorithm 2) with phi(x) = x, as in optax.

    The weight decay is part of the step whose norm is taken. A tensor of zeros, or whose step is
    zero, has the ratio 1. Biases are tensors like any other.

    Args:
        theta, g, m, v, t: a tensor's parameters, gradient, its running mean, its running square
            (arrays of one shape); number of the step, from 1.
        lr: length of a step as a share of the tensor's norm; the paper's eta.
        beta1: share of m that a step keeps (optax's b1).
        beta2: share of v that a step keeps (optax's b2).
        eps: added to the root of v.
        weight_decay: weight of theta beside Adam's step; the paper's lambda.

    Returns:
        The new theta, m and v.

    A step is lr of the tensor's norm:

    >>> theta = np.array([3.0, 4.0])
    >>> new, m, v = lamb(theta, np.array([0.5, -2.0]), 0.0, 0.0, t=1, lr=0.1)
    >>> round(float(np.linalg.norm(new - theta)), 6)
    0.5
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    step = m_hat / (np.sqrt(v_hat) + eps) + weight_decay * theta
    length = np.sqrt(tensor_sum(theta * theta))
    stride = np.sqrt(tensor_sum(step * step))
    ratio = length / stride if length * stride > 0 else 1.0
    return theta - lr * ratio * step, m, v
