"""AMSGrad: Adam divided by the largest running square so far, so that its rates never grow."""

import numpy as np

from tuner.training.domains import Fraction, Positive


def amsgrad(
    theta,
    g,
    m,
    v,
    v_max,
    t,
    lr: Positive = 1e-3,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-8,
):
    """AMSGrad (Reddi, Kale & Kumar 2018, Algorithm 2), with Adam's bias correction, as in PyTorch.

    The maximum is taken before the correction (optax: after it; the paper has none).

    Args:
        theta, g, m, v, v_max, t: parameters, gradient, its running mean, its running square, the
            largest of these so far (arrays of one shape); number of the step, from 1.
        lr: scale of the steps; the paper's alpha.
        beta1: share of m that a step keeps (PyTorch's betas[0], optax's b1).
        beta2: share of v that a step keeps (PyTorch's betas[1], optax's b2).
        eps: added to the root of v_max.

    Returns:
        The new theta, m, v and v_max.

    A large gradient is never forgotten, where Adam forgets it in time:

    >>> x, m, v, v_max = amsgrad(0.0, 100.0, 0.0, 0.0, 0.0, t=1, beta2=0.5)
    >>> for t in range(2, 100):
    ...     x, m, v, v_max = amsgrad(x, 1.0, m, v, v_max, t, beta2=0.5)
    >>> float(v_max), round(v, 6)
    (5000.0, 1.0)
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    v_max = np.maximum(v_max, v)
    m_hat = m / (1 - beta1**t)
    v_hat = v_max / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v, v_max
