"""Adafactor: steps scaled by squared gradients, estimated from their row and column means."""

import numpy as np

from tuner.training.domains import NonNegative, Positive, PositiveFraction
from tuner.training.rule_language import input_mean, output_mean, tensor_mean


def adafactor(
    theta,
    g,
    r,
    c,
    t,
    lr: Positive = 0.01,
    decay_rate: PositiveFraction = 0.8,
    clip_threshold: Positive = 1.0,
    eps1: Positive = 2.0**-52,
    eps2: Positive = 1e-3,
    weight_decay: NonNegative = 0.0,
):
    """Adafactor (Shazeer & Stern 2018, Algorithms 4 and 6), as in PyTorch.

    The step's root mean square is min(lr, 1/sqrt(t)) (the paper: lr = 0.01) times that of the
    tensor, at least eps2; it is cut off at clip_threshold before. beta2 is 1 - t**-decay_rate.
    eps1 bounds the estimated squares from below, in the paper it is added to the squares of the
    gradient; its default is PyTorch's for float64. The weight decay is decoupled. The means are
    kept at full size, so no memory is saved.

    Args:
        theta, g, r, c, t: a tensor's parameters and gradient, the running means of the squared
            gradient along its rows and columns (arrays of one shape); number of the step, from 1.
        lr: the largest step, as a share of the tensor's root mean square.
        decay_rate: power by which beta2 nears 1, and the means become those of all steps (PyTorch's
            -beta2_decay).
        clip_threshold: the largest root mean square of a step before lr; the paper's d.
        eps1: the least estimate of a gradient's size; PyTorch's eps[0].
        eps2: the least root mean square that a tensor counts with; PyTorch's eps[1].
        weight_decay: share of theta, times lr, that a step takes off.

    Returns:
        The new theta, r and c.

    A squared gradient of rank one is known exactly, and the first step goes by its sign:

    >>> g = np.array([[1.0, -2.0], [-10.0, 20.0]])
    >>> theta, r, c = adafactor(np.ones((2, 2)), g, 0.0, 0.0, t=1)
    >>> theta
    array([[0.99, 1.01],
           [1.01, 0.99]])
    """
    beta2 = 1 - t**-decay_rate
    r = beta2 * r + (1 - beta2) * output_mean(g * g)
    c = beta2 * c + (1 - beta2) * input_mean(g * g)
    v = r * c / np.maximum(tensor_mean(r), eps1)
    u = g / np.sqrt(np.maximum(v, eps1 * eps1))
    clip = np.maximum(1.0, np.sqrt(tensor_mean(u * u)) / clip_threshold)
    scale = np.maximum(eps2, np.sqrt(tensor_mean(theta * theta)))
    rate = np.minimum(lr, 1 / np.sqrt(t)) * scale / clip
    return theta - lr * weight_decay * theta - rate * u, r, c
