"""A power whose last digit does not depend on the shapes of the arrays."""

import numpy as np


def raised(base, exponent):
    """base**exponent, by the same function for every element.

    NumPy's ** computes a square if an exponent of 2 covers a whole inner loop, which differs in the
    last digit. Whether it does depends on the number of rows, so that rows would influence each
    other.

    >>> raised(np.array([4.0, 9.0]), 0.5)
    array([2., 3.])
    """
    return np.float_power(base, exponent)
