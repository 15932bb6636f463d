"""Adamax: Adam with a decaying maximum of the gradient's size in place of its square."""

import numpy as np

from tuner.training.domains import Fraction, Positive


def adamax(
    theta,
    g,
    m,
    u,
    t,
    lr: Positive = 2e-3,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-8,
):
    """Adamax (Kingma & Ba 2015, Algorithm 2), epsilon inside the maximum as in PyTorch.

    The paper has no epsilon, Keras adds it to the denominator.

    Args:
        theta, g, m, u, t: parameters, gradient, its running mean, the fading maximum of its size
            (arrays of one shape); number of the step, from 1.
        lr: the longest step along an axis while u is the largest gradient; the paper's alpha.
        beta1: share of m that a step keeps (PyTorch's betas[0], optax's b1).
        beta2: share of u that a step keeps (PyTorch's betas[1], optax's b2).
        eps: added to the size of g.

    Returns:
        The new theta, m and u.

    No step is longer than lr while the first gradient stays the largest:

    >>> x, m, u = 0.0, 0.0, 0.0
    >>> for t, g in enumerate([4.0, -1.0, 3.0, 2.0], 1):
    ...     last, (x, m, u) = x, adamax(x, g, m, u, t, lr=0.1)
    ...     assert abs(x - last) <= 0.1
    """
    m = beta1 * m + (1 - beta1) * g
    u = np.maximum(beta2 * u, np.abs(g) + eps)
    return theta - lr / (1 - beta1**t) * m / u, m, u
