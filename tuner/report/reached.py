"""The text of a result on fresh seeds."""

import math

from tuner.search.statistics import Interval
from tuner.search.trials import Goal
from tuner.study.results import Repeated

# A half-width below this share of the mean is only rounding.
NOTHING = 1e-9


def reached(repeated: Repeated, goal: Goal) -> str:
    """The mean with its interval, as values of the goal's curve."""
    mean = repeated.mean
    if mean is None:
        lost = repeated.diverged + repeated.failed
        return f"{repeated.how_lost} on {lost} of {len(repeated.values)} seeds"
    low, high = sorted((goal.turn(mean.low), goal.turn(mean.high)))
    return f"{goal.turn(mean.mean):.4g} ({low:.4g} to {high:.4g})"


def plus_minus(interval: Interval) -> str:
    """The size of a difference and the half-width of its interval, x +- y, to two digits of y.

    It has more digits if two would hide that x is larger than y.
    """
    mean, half = abs(interval.mean), (interval.high - interval.low) / 2
    if half <= NOTHING * mean:
        return f"{mean:.2g} +- 0"
    places = max(0, 1 - math.floor(math.log10(half)))
    while mean > half and f"{mean:.{places}f}" == f"{half:.{places}f}":
        places += 1
    return f"{mean:.{places}f} +- {half:.{places}f}"
