"""AdEMAMix: AdamW with a second momentum that remembers very old gradients."""

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive, UnitInterval

DECOUPLED = True


def ademamix(
    theta,
    g,
    m1,
    m2,
    v,
    t,
    T,
    lr: Positive = 1e-3,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    beta3: Fraction = 0.9999,
    alpha: NonNegative = 5.0,
    warmup: UnitInterval = 1.0,
    eps: Positive = 1e-8,
):
    """AdEMAMix (Pagliardini et al. 2024, Algorithm 1); the slow momentum's bias is not corrected.

    Over the first `warmup` share of all T steps the slow momentum's weight grows from 0 to alpha,
    and its half-life from that of beta1 to that of beta3. All of them is what the paper's runs
    do; 0 is optax without schedules.

    Args:
        theta, g, m1, m2, v, t, T: parameters, gradient, its fast and its slow running mean, its
            running square (arrays of one shape); number of the step, from 1, and of all steps.
        lr: scale of the steps; the paper's eta.
        beta1: share of m1 that a step keeps (optax's b1).
        beta2: share of v that a step keeps (optax's b2).
        beta3: share of m2 that a step keeps after the warmup (optax's b3).
        alpha: weight of the slow momentum beside the fast one, after the warmup.
        warmup: share of all steps; the paper's T_alpha and T_beta3 are warmup * T.
        eps: added to the root of v.

    Returns:
        The new theta, m1, m2 and v.

    Without the slow momentum it is Adam:

    >>> from tuner.training.optimizers.adam import adam
    >>> theta, *_ = ademamix(1.0, 0.5, 0.0, 0.0, 0.0, t=1, T=9, alpha=0.0)
    >>> bool(theta == adam(1.0, 0.5, 0.0, 0.0, t=1)[0])
    True
    """
    progress = np.minimum(t / np.maximum(warmup * T, 1.0), 1.0)
    beta3_t = np.exp(1 / ((1 - progress) / np.log(beta1) + progress / np.log(beta3)))
    m1 = beta1 * m1 + (1 - beta1) * g
    m2 = beta3_t * m2 + (1 - beta3_t) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m1 / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * (m_hat + progress * alpha * m2) / (np.sqrt(v_hat) + eps), m1, m2, v
