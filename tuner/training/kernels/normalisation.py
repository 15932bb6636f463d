"""Layer normalisation (Ba et al. 2016) in two in-place halves, over the units of each sample.

Both return the number of their parameters, the gains (units,). `work` keeps what the second half
needs: from `normal` on, the normalised values (samples, units); from `inverse` on, 1 over the
standard deviation of each sample. `leave` and `leave_backward` do nothing, for models without it.
"""

import numpy as np

from tuner.training.kernels.compiling import compiled

# Under the root, as in PyTorch's LayerNorm.
EPSILON = 1e-5


@compiled
def normalise(z, theta, at, work, normal, inverse):
    """Replaces z (samples, units) by gain * (z - mean) / deviation; gains: theta from `at` on."""
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
    """Turns d (samples, units), the gradient by the output of `normalise`, into that by its input.

    The gains are in theta up to `stop`, and their gradient is in `gradient` at the same place.
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
    """In place of `normalise`, without normalisation: there are no gains."""
    return 0


@compiled
def leave_backward(d, theta, gradient, stop, work, normal, inverse):
    """In place of `normalise_backward`, without normalisation."""
    return 0
