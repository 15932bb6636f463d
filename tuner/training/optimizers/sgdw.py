"""SGDW: momentum with the weight decay taken out of the gradient and applied to the weights."""

from tuner.training.domains import Fraction, Positive

DECOUPLED = True


def sgdw(theta, g, m, t, lr: Positive = 0.01, momentum: Fraction = 0.9):
    """SGD with decoupled weight decay (Loshchilov & Hutter 2019, Algorithm 1).

    As there the rate is inside the velocity, unlike in PyTorch's momentum. The decay is
    `lr * weight_decay`, as in AdamW, so it follows the schedule of the rate (the paper scales it
    by the schedule's multiplier alone).

    Args:
        theta, g, m, t: parameters, gradient, velocity (arrays of one shape); number of the step,
            not used.
        lr: the learning rate; the paper's alpha times its schedule's multiplier eta.
        momentum: share of the velocity that a step keeps; the paper's beta1.

    Returns:
        The new theta and m.

    The velocity carries the rate of its time: without rate and gradient it still moves.

    >>> sgdw(1.0, 0.0, 0.5, 1, lr=1e-9, momentum=0.5)
    (0.75, 0.25)
    """
    m = momentum * m + lr * g
    return theta - m, m
