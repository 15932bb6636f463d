"""Adagrad: steps divided by the root of the sum of all squared gradients."""

from typing import Any

import numpy as np

from tuner.training.domains import NonNegative, Positive
from tuner.training.slots import starting

Accumulator: Any = starting(lambda initial_accumulator: initial_accumulator)


def adagrad(
    theta,
    g,
    squares: Accumulator,
    t,
    lr: Positive = 0.01,
    lr_decay: NonNegative = 0.0,
    initial_accumulator: NonNegative = 0.0,
    eps: Positive = 1e-10,
):
    """Adagrad (Duchi, Hazan & Singer 2011, figure 1, diagonal), as in PyTorch.

    The sum starts at initial_accumulator, 0 as in PyTorch (TensorFlow, Keras and optax: 0.1);
    epsilon is outside the root (optax and Keras: inside). lr_decay is a decay of the rate by
    inverse time, in addition to the decay by the sum.

    Args:
        theta, g, squares, t: parameters, gradient, the sum of all its squares (arrays of one
            shape); number of the step, from 1.
        lr: the first step's length, if the sum starts at 0; the paper's eta.
        lr_decay: the rate is divided by 1 + lr_decay * (t - 1).
        initial_accumulator: what the sum starts at (PyTorch's initial_accumulator_value).
        eps: added to the root of the sum.

    Returns:
        The new theta and squares.

    Under a constant gradient of whatever scale, the step t has length lr / sqrt(t):

    >>> x, squares = np.zeros(2), 0.0
    >>> for t in range(1, 5):
    ...     last, (x, squares) = x, adagrad(x, np.array([1e-3, 1e3]), squares, t, lr=0.1)
    >>> (last - x).round(6)
    array([0.05, 0.05])
    """
    squares = squares + g * g
    rate = lr / (1 + (t - 1) * lr_decay)
    return theta - rate * g / (np.sqrt(squares) + eps), squares
