"""Rprop: steps of their own length along every axis, that only the gradient's sign steers."""

import math
from typing import Annotated, Any

import numpy as np

from tuner.training.domains import Domain, Fraction, Positive
from tuner.training.slots import starting

AboveOne = Annotated[float, Domain(1.0, math.inf, low_closed=False)]
StepSize: Any = starting(lambda lr: lr)


def rprop(
    theta,
    g,
    sign,
    step_size: StepSize,
    t,
    lr: Positive = 0.01,
    etaminus: Fraction = 0.5,
    etaplus: AboveOne = 1.2,
    step_size_min: Positive = 1e-6,
    step_size_max: Positive = 50.0,
):
    """Resilient propagation (Riedmiller & Braun 1993), as in PyTorch.

    It is the variant iRprop- (Igel & Huesken 2000): a step grows by etaplus while the sign stays
    and shrinks by etaminus where it turned; there the parameter waits a step (the original goes
    back instead). As in PyTorch no schedule of lr matters after the first step. Meant for whole
    batches: the signs of noisy gradients say nothing about the length of a step.

    Args:
        theta, g, sign, step_size, t: parameters, gradient, its last sign (0 where it turned), the
            length of the step (arrays of one shape); number of the step, not used.
        lr: length that the steps start from along every axis; the paper's Delta_0.
        etaminus: factor of a step whose sign turned (PyTorch's etas[0]).
        etaplus: factor of a step whose sign stayed (PyTorch's etas[1]).
        step_size_min: the shortest step, in the unit of theta (PyTorch's step_sizes[0]).
        step_size_max: the longest step (PyTorch's step_sizes[1]).

    Returns:
        The new theta, sign and step_size.

    The scale of the gradient does not count:

    >>> small = large = 5.0, 0.0, 0.1
    >>> for t in range(1, 100):
    ...     small = rprop(small[0], 1e-6 * small[0], *small[1:], t)
    ...     large = rprop(large[0], 1e+6 * large[0], *large[1:], t)
    >>> bool(small[0] == large[0])
    True
    """
    now = np.sign(g)
    kept = np.maximum(sign * now, 0)  # 1 where the sign stayed
    turned = np.maximum(-sign * now, 0)  # 1 where it turned
    factor = 1 + (etaplus - 1) * kept + (etaminus - 1) * turned
    step_size = np.minimum(np.maximum(step_size * factor, step_size_min), step_size_max)
    sign = now - now * turned
    return theta - step_size * sign, sign, step_size
