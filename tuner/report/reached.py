"""The text of a result on fresh seeds."""

import math

from tuner.search.statistics import Interval
from tuner.search.trials import Goal
from tuner.study.results import Repeated

# A half of an interval that is less than this share of its middle is one of rounding alone.
NOTHING = 1e-9


def reached(repeated: Repeated, goal: Goal) -> str:
    """The mean with its interval, as numbers of the goal's curve."""
    mean = repeated.mean
    if mean is None:
        lost = repeated.diverged + repeated.failed
        return f"{repeated.how_lost} on {lost} of {len(repeated.values)} seeds"
    low, high = sorted((goal.turn(mean.low), goal.turn(mean.high)))
    return f"{goal.turn(mean.mean):.4g} ({low:.4g} to {high:.4g})"


def plus_minus(interval: Interval) -> str:
    """A difference without its sign and the half of its interval, x +- y, to two digits of y.

    It has more digits where these would hide that the one is above the other.
    """
    mean, half = abs(interval.mean), (interval.high - interval.low) / 2
    if half <= NOTHING * mean:
        return f"{mean:.2g} +- 0"
    places = max(0, 1 - math.floor(math.log10(half)))
    while mean > half and f"{mean:.{places}f}" == f"{half:.{places}f}":
        places += 1
    return f"{mean:.{places}f} +- {half:.{places}f}"
