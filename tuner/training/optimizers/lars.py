"""LARS: momentum in which every tensor moves by a share of its own norm."""

import numpy as np

from tuner.training.domains import Fraction, Positive
from tuner.training.rule_language import tensor_sum


def lars(
    theta, g, v, t, lr: Positive = 1.0, momentum: Fraction = 0.9, trust: Positive = 0.001
):  # fmt: skip
    """LARS (You et al. 2017, Algorithm 1), as in optax.

    The norm in the ratio is that of the gradient with its weight decay; the paper adds the norms
    of the two. A tensor of zeros, or without a gradient, has the ratio 1. The rate is inside the
    velocity. Biases are tensors like any other.

    Args:
        theta, g, v, t: a tensor's parameters, gradient, velocity (arrays of one shape); number of
            the step, not used.
        lr: the global rate; the paper's gamma.
        momentum: share of the velocity that a step keeps; the paper's m.
        trust: share of the tensor's norm that a step of rate 1 goes; the paper's eta, optax's
            trust_coefficient.

    Returns:
        The new theta and v.

    The first step is lr * trust of the tensor's norm, whatever the gradient's scale:

    >>> theta, v = lars(np.array([3.0, 4.0]), np.array([0.0, 1e6]), 0.0, t=1)
    >>> theta
    array([3.   , 3.995])
    """
    length = np.sqrt(tensor_sum(theta * theta))
    slope = np.sqrt(tensor_sum(g * g))
    ratio = trust * length / slope if length * slope > 0 else 1.0
    v = momentum * v + lr * ratio * g
    return theta - v, v
