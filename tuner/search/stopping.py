"""Stopping: when more trials are not expected to bring more than the noise between seeds."""

from collections.abc import Sequence

from tuner.search.statistics import expected_best

# Fewer trials than this say too little of what more of them would bring.
FEWEST = 16
# Seeds under which the best trial is trained again to see the noise.
REPEATS = 5


def expected_gain(values: Sequence[float]) -> float:
    """What the second half of the trials brought over the first, whatever their order.

    The expected best of half of them less the best of all. The curve of the expected best is convex
    in the number of trials, and so as a rule in its logarithm: each doubling brings less than the
    one before; so as many trials again are expected to bring no more than this.
    """
    return expected_best(values, len(values) // 2) - min(values)
