"""Muon: momentum made orthogonal for hidden weight matrices, AdamW for all other parameters."""

import numpy as np

from tuner.training.domains import Fraction, NonNegative, Positive
from tuner.training.rule_language import orthogonalize


def muon(
    theta,
    g,
    m,
    v,
    t,
    hidden,
    inputs,
    outputs,
    lr: Positive = 1e-3,
    momentum: Fraction = 0.95,
    adamw_ratio: Positive = 1.0,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.0,
):
    """Muon (Jordan et al. 2024) with Nesterov's momentum and five Newton-Schulz iterations.

    As in PyTorch with adjust_lr_fn="match_rms_adamw" (Liu et al. 2025, section 2.2): the step of a
    matrix is scaled by 0.2 * sqrt(max(inputs, outputs)), so that a rate means the same to it as to
    AdamW; PyTorch's default, sqrt(max(1, outputs / inputs)), asks for larger rates. PyTorch
    iterates in bfloat16, this in the precision of the parameters. AdamW's rate is
    lr * adamw_ratio. The weight decay is decoupled, by the rate of the tensor before it is scaled.

    Args:
        theta, g, m, v, t: a tensor's parameters, gradient, its running mean, its running square
            (arrays of one shape); number of the step, from 1.
        hidden, inputs, outputs: whether the tensor is a weight matrix before the last; its shape.
        lr: rate of the hidden matrices.
        momentum: share of their m that a step keeps.
        adamw_ratio: rate of all other parameters over that of the hidden matrices.
        beta1: AdamW's share of m that a step keeps (PyTorch's betas[0]).
        beta2: AdamW's share of v that a step keeps (PyTorch's betas[1]).
        eps: AdamW's, added to the root of v.
        weight_decay: share of theta, times its rate, that a step takes off.

    Returns:
        The new theta, m and v.

    The step of a matrix is nearly orthogonal, whatever the gradient's conditioning:

    >>> g = np.diag([1.0, 10.0, 100.0])
    >>> step = muon(np.zeros((3, 3)), g, 0.0, 0.0, 1, True, 3, 3, lr=1.0)[0] / (0.2 * 3**0.5)
    >>> lengths = np.linalg.svd(step)[1]
    >>> bool(lengths.min() > 0.3), bool(lengths.max() < 1.3)
    (True, True)
    """
    decay = momentum if hidden else beta1
    rate = lr if hidden else lr * adamw_ratio
    m = decay * m + (1 - decay) * g
    v = beta2 * v + (1 - beta2) * g * g
    scale = 0.2 * np.sqrt(np.maximum(inputs, outputs))
    muon_step = scale * orthogonalize((1 - momentum) * g + momentum * m, 5 * hidden)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    adamw_step = m_hat / (np.sqrt(v_hat) + eps)
    step = muon_step if hidden else adamw_step
    return theta - rate * (step + weight_decay * theta), m, v
