"""Elementary functions that LLVM vectorizes, eight numbers at a time: ten times as fast.

They take and return float64, correct to three units in the last place (`normal`: to twelve digits),
in every loop that calls them.
"""

import math
from functools import partial

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.polynomial.chebyshev import cheb2poly

from tuner.training.kernels.compiling import compiled

# Operations keep their order: with reordering, the argument reduction below would lose its digits.
_exact = partial(compiled, forceinline=True, fastmath={"contract"})

# log(2) in two parts, the first of which has so few digits that its multiples are exact.
LOG2_HIGH, LOG2_LOW = float.fromhex("0x1.62e42fefap-1"), float.fromhex("0x1.cf79abc9e3b3ap-40")
LOG2_E = 1 / math.log(2)

# Adding it to a number leaves the nearest integer in the lowest bits.
ROUND = 1.5 * 2.0**52
BIAS, FRACTION = 1023, 52  # of the exponent, and the bits below it

# Taylor's series of exp on +-log(2)/2, where its next term is below 5e-18.
C2, C3, C4, C5, C6, C7 = (1 / math.factorial(k) for k in range(2, 8))
C8, C9, C10, C11, C12, C13 = (1 / math.factorial(k) for k in range(8, 14))


# The tail of a normal distribution: where it vanishes, in standard deviations times sqrt(1/2), and
# 2 / (2 + a) of that, a map that brings the whole tail into a short range.
FAR = 26.0
LEAST = 2.0 / (2.0 + FAR)


def _scaled_tail(t: np.ndarray) -> np.ndarray:
    """erfc(a) exp(a**2) for a = 2 / t - 2."""
    return np.array([math.erfc(a) * math.exp(a * a) for a in 2.0 / t - 2.0])


# The same as a polynomial on LEAST to 1, by Chebyshev interpolation, exact to 13 digits.
_SERIES = cheb2poly(Chebyshev.interpolate(_scaled_tail, 20, domain=[LEAST, 1.0]).coef).tolist()
E0, E1, E2, E3, E4, E5, E6 = _SERIES[:7]
E7, E8, E9, E10, E11, E12, E13 = _SERIES[7:14]
E14, E15, E16, E17, E18, E19, E20 = _SERIES[14:]


@_exact
def reduced(x):
    """exp(x) as 2**n and exp(x - n log(2)) - 1, with n log(2) nearest to x; for x within +-708."""
    shifted = x * LOG2_E + ROUND
    n = shifted - ROUND
    r = (x - n * LOG2_HIGH) - n * LOG2_LOW
    tail = C8 + r * (C9 + r * (C10 + r * (C11 + r * (C12 + r * C13))))
    rest = r * (1.0 + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * (C7 + r * tail)))))))
    exponent = (np.float64(shifted).view(np.int64) + BIAS) << FRACTION
    return np.int64(exponent).view(np.float64), rest


@_exact
def exponential(x):
    """exp(x), infinite above 709, and 0 below -708, where it would be subnormal."""
    power, rest = reduced(x)
    y = 0.0 if x < -708.0 else power + power * rest
    return np.inf if x > 709.0 else y


@_exact
def hyperbolic_tangent(x):
    """Computed from exp(-2 |x|) - 1, which is precise near 0."""
    size = abs(x)
    size = 20.0 if size > 20.0 else size  # tanh is 1 from there on
    power, rest = reduced(-2.0 * size)
    below = power * rest + (power - 1.0)
    return math.copysign(below / (below + 2.0), x)


@_exact
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + exponential(-x))


@_exact
def exponentials(x):
    """Replaces x (n,), of any float type, by its exponential, element by element."""
    for i in range(x.shape[0]):
        x[i] = exponential(np.float64(x[i]))


@_exact
def normal(x):
    """The standard normal distribution function and density at x."""
    a = abs(x) * math.sqrt(0.5)
    a = FAR if a > FAR else a
    t = 2.0 / (2.0 + a)
    u = (2.0 * t - (1.0 + LEAST)) / (1.0 - LEAST)
    y = E14 + u * (E15 + u * (E16 + u * (E17 + u * (E18 + u * (E19 + u * E20)))))
    y = E7 + u * (E8 + u * (E9 + u * (E10 + u * (E11 + u * (E12 + u * (E13 + u * y))))))
    y = E0 + u * (E1 + u * (E2 + u * (E3 + u * (E4 + u * (E5 + u * (E6 + u * y))))))
    shrunk = exponential(-0.5 * x * x)
    tail = 0.5 * shrunk * y
    return 1.0 - tail if x > 0.0 else tail, shrunk / math.sqrt(2.0 * math.pi)
