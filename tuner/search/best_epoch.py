"""The epoch by which a trial is judged: its best one on validation, unless that is only noise.

The lowest value of a noisy curve is partly luck. So the curve is smoothed first: each value is
averaged with its neighbours. The epoch of the lowest mean counts only if that mean is below the
last one by more than the noise between epochs explains; otherwise the last epoch counts.
"""

from collections.abc import Sequence

import numpy as np

Array = np.ndarray

# The best mean must be this many standard deviations of the noise below the last one. Of curves of
# up to 100 epochs that are only noise, at most one in twenty is then stopped early.
DEVIATIONS = 3.0
# Upper quartile of the absolute second differences of independent normal numbers, in their standard
# deviations.
BEND = 2.818
# The noise of shorter curves cannot be estimated; ENOUGH values estimate it well.
FEWEST, ENOUGH = 3, 10


def best_epoch(reached: Sequence[float]) -> int:
    """The epoch by which a trial is judged, from 1.

    The noise is estimated from second differences, which are zero for a steady fall or rise.

    Args:
        reached: the minimised value after each epoch, at least one.

    A curve that rises again is judged by its lowest epoch, a curve that settles by its last:

    >>> best_epoch([0.9, 0.6, 0.5, 0.55, 0.65, 0.8, 0.9, 1.0])
    3
    >>> best_epoch([0.9, 0.6, 0.5, 0.49, 0.51, 0.5, 0.49, 0.51])
    8
    """
    numbers = np.array(reached, dtype=np.float64)
    last = len(numbers)
    if last < FEWEST:
        return last
    # A value that is not finite is never the best.
    numbers[np.isnan(numbers)] = np.inf
    means = smoothed(numbers)
    at = int(means.argmin())
    if np.isposinf(means[at]):
        return last
    # Earlier epochs are left out: their steep fall is not noise.
    late = numbers[max(0, min(at - 1, last - ENOUGH)) :]
    return at + 1 if means[at] < means[-1] - DEVIATIONS * noise(late) else last


def smoothed(numbers: Array) -> Array:
    """The mean of each number and its neighbours, (n,); both ends have one neighbour."""
    sums, counts = numbers.copy(), np.full(len(numbers), 3.0)
    sums[1:] += numbers[:-1]
    sums[:-1] += numbers[1:]
    counts[[0, -1]] = 2
    return np.asarray(sums / counts)


def noise(numbers: Array) -> float:
    """The standard deviation of the noise between epochs; 0 if there are too few finite numbers."""
    known = numbers[np.isfinite(numbers)]
    bends = np.sort(np.abs(np.diff(known, 2)))
    if not len(bends):
        return 0.0
    return float(bends[max(len(bends) - len(bends) // 4 - 1, 0)]) / BEND
