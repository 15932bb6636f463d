"""Dropout (Srivastava et al. 2014), inverted: units that stay are scaled up by 1 / (1 - rate).

A hash of seed, step, layer and position in the batch decides which units drop, instead of a stream
of random numbers. So all rows of a seed share the decision, a unit that drops at a rate of 0.2 also
drops at 0.5, and a step is the same whatever the other rows are and however often it is repeated.
"""

import numpy as np

from tuner.training.kernels.compiling import compiled

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@compiled
def mixed(state, count):
    """Element `count` of the sequence of SplitMix64 (Steele et al. 2014) that starts at a state."""
    z = np.uint64(state) + (np.uint64(count) + np.uint64(1)) * _GAMMA
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


@compiled
def stays(state, place, limit):
    """Whether the unit at that position stays; limit: the rate in units of 2**-53."""
    return mixed(state, place) >> _11 >= limit


@compiled
def limit_of(rate):
    """A rate in [0, 1) in units of 2**-53, for `stays`."""
    return np.uint64(rate * 9007199254740992.0)


@compiled
def drop(a, rate, state):
    """Sets dropped units of a (samples, units) to zero and scales up the others."""
    limit, scale = limit_of(rate), a.dtype.type(1.0 / (1.0 - rate))
    for sample in range(a.shape[0]):
        for unit in range(a.shape[1]):
            stay = stays(state, sample * a.shape[1] + unit, limit)
            a[sample, unit] = a[sample, unit] * scale if stay else a.dtype.type(0)


@compiled
def drop_backward(a, d, rate, state):
    """Turns d, the gradient by the output of `drop`, into that by its input, in place. Where units
    stayed, it also restores a to the input of `drop`."""
    limit, scale = limit_of(rate), a.dtype.type(1.0 / (1.0 - rate))
    keep = a.dtype.type(1.0 - rate)
    for sample in range(a.shape[0]):
        for unit in range(a.shape[1]):
            stay = stays(state, sample * a.shape[1] + unit, limit)
            d[sample, unit] = d[sample, unit] * scale if stay else a.dtype.type(0)
            a[sample, unit] *= keep
