"""A power whose last digit does not depend on the shapes of the arrays."""

import numpy as np


def raised(base, exponent):
    """base**exponent, by the same function for every element.

    NumPy's own ** squares where one exponent of 2 goes for a whole inner loop, which differs in
    the last digit, and whether it does depends on how many rows there are: rows would meet.

    >>> raised(np.array([4.0, 9.0]), 0.5)
    array([2., 3.])
    """
    return np.float_power(base, exponent)
