"""The epoch by which a trial counts: its best on validation, if more than noise sets it apart.

The lowest number of a noisy curve is low by luck. So a curve is smoothed first, by the mean of each
number and its neighbours, and the epoch of the lowest mean counts only if that lies below the mean
at the end by more than the noise from epoch to epoch explains; else the last epoch counts.
"""

from collections.abc import Sequence

import numpy as np

Array = np.ndarray

# The best mean must lie below the last one by so many deviations of the noise: of curves that are
# nothing but noise, of up to 100 epochs, one in twenty is stopped early, or fewer.
DEVIATIONS = 3.0
# The upper quartile of the second differences of independent normal numbers, in their deviations.
BEND = 2.818
# Of shorter curves nothing tells the noise; so many numbers tell it well.
FEWEST, ENOUGH = 3, 10


def best_epoch(reached: Sequence[float]) -> int:
    """The epoch by which a trial counts, from 1.

    The noise is told by second differences, which a steady fall or rise leaves out.

    Args:
        reached: what is minimised after each epoch, at least one.

    A curve that rises again counts by its lowest epoch, one that settles by its last:

    >>> best_epoch([0.9, 0.6, 0.5, 0.55, 0.65, 0.8, 0.9, 1.0])
    3
    >>> best_epoch([0.9, 0.6, 0.5, 0.49, 0.51, 0.5, 0.49, 0.51])
    8
    """
    numbers = np.array(reached, dtype=np.float64)
    last = len(numbers)
    if last < FEWEST:
        return last
    # What is not finite is never the best.
    numbers[np.isnan(numbers)] = np.inf
    means = smoothed(numbers)
    at = int(means.argmin())
    if np.isposinf(means[at]):
        return last
    # How steep the curve fell before is no noise.
    late = numbers[max(0, min(at - 1, last - ENOUGH)) :]
    return at + 1 if means[at] < means[-1] - DEVIATIONS * noise(late) else last


def smoothed(numbers: Array) -> Array:
    """The mean of each number and its neighbours, (n,); the first and the last have one each."""
    sums, counts = numbers.copy(), np.full(len(numbers), 3.0)
    sums[1:] += numbers[:-1]
    sums[:-1] += numbers[1:]
    counts[[0, -1]] = 2
    return np.asarray(sums / counts)


def noise(numbers: Array) -> float:
    """The deviation of the noise from epoch to epoch; 0 if no number or few tell it."""
    known = numbers[np.isfinite(numbers)]
    bends = np.sort(np.abs(np.diff(known, 2)))
    if not len(bends):
        return 0.0
    return float(bends[max(len(bends) - len(bends) // 4 - 1, 0)]) / BEND
