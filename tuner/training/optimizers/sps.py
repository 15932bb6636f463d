"""SPS: SGD with the stochastic Polyak step, up to a maximum."""

import numpy as np

from tuner.training.domains import NonNegative, Positive
from tuner.training.rule_language import row_sum


def sps(
    theta,
    g,
    t,
    loss,
    lr: Positive = 1.0,
    max_step: Positive = 1.0,
    c: Positive = 0.5,
    lower_bound: NonNegative = 0.0,
):
    """SPS_max (Loizou et al. 2021): the rate is `(loss - lower_bound) / (c * |g|**2)`.

    max_step is the largest rate; a loss below lower_bound makes no step, as in the authors' code
    and in SPS+ (Garrigos et al. 2023). lr multiplies the rate. In optax (polyak_sgd) c is 1.

    Args:
        theta, g, t, loss: parameters, gradient (arrays of one shape); number of the step, not used;
            this step's loss, one number per row.
        lr: multiplies the rate after it was cut; 1 is the paper.
        max_step: the largest rate before lr; the paper's gamma_b, optax's max_learning_rate.
        c: divides the rate; the larger, the shorter the steps.
        lower_bound: a lower bound of the loss; the paper's f_i^*, optax's f_min.

    Returns:
        The new theta.

    On a round bowl with minimum 0 the paper's c = 0.5 goes straight there:

    >>> x = np.array([3.0, -4.0])
    >>> sps(x, 7 * x, t=1, loss=0.5 * 7 * x @ x)
    array([0., 0.])
    """
    polyak = np.maximum(loss - lower_bound, 0.0) / np.maximum(c * row_sum(g * g), 1e-300)
    return theta - lr * np.minimum(polyak, max_step) * g
