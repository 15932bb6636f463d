"""Layer normalisation (Ba et al. 2016) in two in-place halves, over the units of each sample.

Both return how many parameters they have, the gains (units,). What the second half needs is kept in
`work`: from `normal` on the normalised numbers (samples, units), and from `inverse` on 1 over the
deviation of each sample. `leave` and `leave_backward` are the halves of no normalisation.
"""

import numpy as np

from tuner.training.kernels.compiling import compiled

# Under the root, as PyTorch's LayerNorm has it.
EPSILON = 1e-5


@compiled
def normalise(z, theta, at, work, normal, inverse):
    """z (samples, units) becomes gain * (z - mean) / deviation; gains are in theta from `at`."""
    units = z.shape[1]
    for sample in range(z.shape[0]):
        total, squares = 0.0, 0.0
        for unit in range(units):
            total += z[sample, unit]
        mean = total / units
        for unit in range(units):
            squares += (z[sample, unit] - mean) ** 2
        center = z.dtype.type(mean)
        scale = z.dtype.type(1.0 / np.sqrt(squares / units + EPSILON))
        work[inverse + sample] = scale
        for unit in range(units):
            n = (z[sample, unit] - center) * scale
            work[normal + sample * units + unit] = n
            z[sample, unit] = theta[at + unit] * n
    return units


@compiled
def normalise_backward(d, theta, gradient, stop, work, normal, inverse):
    """d (samples, units), the slope by what normalise left, becomes that by what it was given.

    The gains are in theta up to `stop`, and so is their slope in gradient.
    """
    units = d.shape[1]
    at = stop - units
    for unit in range(units):
        gradient[at + unit] = 0
    for sample in range(d.shape[0]):
        total, along = 0.0, 0.0
        for unit in range(units):
            n = work[normal + sample * units + unit]
            gradient[at + unit] += d[sample, unit] * n
            slope = d[sample, unit] * theta[at + unit]
            d[sample, unit] = slope
            total += slope
            along += slope * n
        mean, share = d.dtype.type(total / units), d.dtype.type(along / units)
        for unit in range(units):
            own = d[sample, unit] - mean - work[normal + sample * units + unit] * share
            d[sample, unit] = own * work[inverse + sample]
    return units


@compiled
def leave(z, theta, at, work, normal, inverse):
    """The first half of no normalisation: there are no gains."""
    return 0


@compiled
def leave_backward(d, theta, gradient, stop, work, normal, inverse):
    """The second half of no normalisation."""
    return 0
