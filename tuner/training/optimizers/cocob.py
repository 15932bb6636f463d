"""COCOB: every parameter bets on its next gradient, with what it won so far."""

from typing import Any

import numpy as np

from tuner.training.domains import Positive
from tuner.training.slots import Initial, starting

Scale: Any = starting(lambda eps: eps)


def cocob(
    theta,
    g,
    theta0: Initial,
    total,
    scale: Scale,
    length,
    reward,
    t,
    lr: Positive = 1.0,
    alpha: Positive = 100.0,
    eps: Positive = 1e-8,
):
    """COCOB-Backprop (Orabona & Tommasi 2017, Algorithm 2) as in optax.

    As in optax, the largest gradients start from eps, not from zero, and lr multiplies the
    gradients: a constant one changes nothing, a falling one makes late gradients count less.

    Args:
        theta, g, theta0, t: parameters, gradient, where theta started (arrays of one shape); number
            of the step, not used.
        total, scale, length, reward: minus the sum of gradients, their largest size, the sum of
            their sizes and what was won by betting on them; arrays like theta.
        lr: multiplies the gradients; its schedule counts, not its scale.
        alpha: the first step has length 1 / alpha along every axis; the paper's alpha.
        eps: lower bound of the largest gradient.

    Returns:
        The new theta, theta0 as it is, and the new total, scale, length and reward.

    The gradient's scale does not matter:

    >>> def after(scale, steps=50):
    ...     theta, *slots = 3.0, 3.0, 0.0, 1e-8, 0.0, 0.0
    ...     for t in range(1, steps + 1):
    ...         theta, *slots = cocob(theta, scale * theta, *slots, t)
    ...     return theta
    >>> bool(np.isclose(after(1.0), after(1e6))), bool(after(1.0) < 3.0)
    (True, True)
    """
    g = lr * g
    scale = np.maximum(scale, np.abs(g))
    length = length + np.abs(g)
    reward = np.maximum(reward - g * (theta - theta0), 0.0)
    total = total - g
    share = total / (scale * np.maximum(length + scale, alpha * scale))
    return theta0 + share * (scale + reward), theta0, total, scale, length, reward
