"""Dropout (Srivastava et al. 2014), inverted: units that stay are scaled up by 1 / (1 - rate).

Which units drop is told by a hash of the seed, the step, the layer and the place in the batch, not
by a stream of random numbers: so all rows of a seed share it, a unit that drops at a rate of 0.2
drops at 0.5 as well, and a step is the same in whatever company and however often it is taken.
"""

import numpy as np

from tuner.training.kernels.compiling import compiled

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@compiled
def mixed(state, count):
    """The number of that count in the sequence of SplitMix64 (Steele et al. 2014) from a state."""
    z = np.uint64(state) + (np.uint64(count) + np.uint64(1)) * _GAMMA
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


@compiled
def stays(state, place, limit):
    """Whether the unit at that place stays; limit: the rate in parts of 2**53."""
    return mixed(state, place) >> _11 >= limit


@compiled
def limit_of(rate):
    """A rate in [0, 1) in parts of 2**53, as `stays` takes it."""
    return np.uint64(rate * 9007199254740992.0)


@compiled
def drop(a, rate, state):
    """Takes units out of a (samples, units) and scales up the others."""
    limit, scale = limit_of(rate), a.dtype.type(1.0 / (1.0 - rate))
    for sample in range(a.shape[0]):
        for unit in range(a.shape[1]):
            stay = stays(state, sample * a.shape[1] + unit, limit)
            a[sample, unit] = a[sample, unit] * scale if stay else a.dtype.type(0)


@compiled
def drop_backward(a, d, rate, state):
    """The slope d by what `drop` left becomes that by what it was given, and a, where units stayed,
    what it was before."""
    limit, scale = limit_of(rate), a.dtype.type(1.0 / (1.0 - rate))
    keep = a.dtype.type(1.0 - rate)
    for sample in range(a.shape[0]):
        for unit in range(a.shape[1]):
            stay = stays(state, sample * a.shape[1] + unit, limit)
            d[sample, unit] = d[sample, unit] * scale if stay else a.dtype.type(0)
            a[sample, unit] *= keep
