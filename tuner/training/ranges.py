"""Learning-rate ranges: good rates, found from short runs or from a ramp."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# A rate counts as good if its gain is at least this share of the best rate's: short runs cannot
# predict smaller differences in long ones.
AS_GOOD = 0.9
# A rate is worth searching if its gain is at least this share.
WORTH = 0.5


@dataclass(frozen=True)
class Sweep:
    """Short runs that differ in rate and seed only.

    rates: (rates,), ascending by a constant factor; initial: (seeds,), losses before the first
    step; losses: (seeds, rates), losses at the end, nan where a run diverged. All losses are
    training losses, or all are validation losses.
    """

    rates: Array
    initial: Array
    losses: Array

    @property
    def gains(self) -> Array:
        """How far the loss fell, (seeds, rates); minus infinity where a run diverged."""
        return np.where(np.isnan(self.losses), -np.inf, self.initial[:, None] - self.losses)

    @property
    def stable(self) -> Array:
        """Whether a run and all runs at lower rates ended below their start, (seeds, rates)."""
        stable: Array = np.logical_and.accumulate(self.gains > 0, axis=1)
        return stable


@dataclass(frozen=True)
class Bracket:
    """The range of rates worth searching, and notable rates in it.

    low: the lowest rate worth searching; high: the highest good rate, because long runs tolerate
    lower rates than short ones, not higher; suggested: the geometric middle of the good rates;
    steepest: where the loss falls fastest as the rate grows; stable: the largest rate up to which
    every run ended below its start; best: the rate of the lowest loss.
    """

    low: float
    high: float
    suggested: float
    steepest: float
    stable: float
    best: float


def slopes(rates: Array, losses: Array) -> Array:
    """Change of the losses (..., rates) per factor of ten in the rate, by central differences.

    It is nan next to a loss that is nan.

    >>> slopes(np.array([0.01, 0.1, 1.0]), np.array([3.0, 2.0, 0.0]))
    array([-1. , -1.5, -2. ])
    """
    slope: Array = np.gradient(losses, np.log10(rates), axis=-1)
    return slope


def bracket(sweep: Sweep) -> Bracket | None:
    """The bracket of the mean gains over all seeds; None if no rate brought a gain.

    A rate at which any seed diverged counts as diverged.
    """
    gains, rates = sweep.gains.mean(axis=0), sweep.rates
    best = int(np.argmax(gains))
    if not gains[best] > 0:
        return None
    low, _ = _around(best, gains >= WORTH * gains[best])
    first, last = _around(best, gains >= AS_GOOD * gains[best])
    stable = np.flatnonzero(sweep.stable.all(axis=0))
    slope = slopes(rates, np.where(np.isfinite(gains), -gains, np.nan))[: best + 1]
    falling = np.where(np.isfinite(slope), slope, np.inf)
    return Bracket(
        low=float(rates[low]),
        high=float(rates[last]),
        suggested=float(np.sqrt(rates[first] * rates[last])),
        steepest=float(rates[int(np.argmin(falling))]),
        stable=float(rates[stable[-1]]) if stable.size else float(rates[last]),
        best=float(rates[best]),
    )


def as_good(sweep: Sweep) -> tuple[float, float] | None:
    """The lowest and the highest good rate around the best one; None if no rate brought a gain.

    A good rate has at least `AS_GOOD` of the best rate's gain, on average over the seeds.
    """
    gains = sweep.gains.mean(axis=0)
    best = int(np.argmax(gains))
    if not gains[best] > 0:
        return None
    first, last = _around(best, gains >= AS_GOOD * gains[best])
    return float(sweep.rates[first]), float(sweep.rates[last])


def brackets(sweep: Sweep) -> list[Bracket]:
    """The bracket of each seed alone, for seeds with which some rate brought a gain."""
    alone = (
        bracket(Sweep(sweep.rates, sweep.initial[[i]], sweep.losses[[i]]))
        for i in range(len(sweep.initial))
    )
    return [b for b in alone if b is not None]


def open_ends(sweep: Sweep) -> tuple[bool, bool]:
    """Whether rates below, and above, those tried may be as good: losses do not rise at that end.

    If no rate brought a gain: above if the lowest rate changed nothing, else below.
    """
    gains = sweep.gains.mean(axis=0)
    best = int(np.argmax(gains))
    if not gains[best] > 0:
        idle = bool((sweep.losses[:, 0] == sweep.initial).all())
        return not idle, idle
    low, _ = _around(best, gains >= WORTH * gains[best])
    _, last = _around(best, gains >= AS_GOOD * gains[best])
    return low == 0, last == len(gains) - 1


def joined(first: Sweep, second: Sweep) -> Sweep:
    """Joins two sweeps with the same seeds into one over the rates of both."""
    rates = np.concatenate([first.rates, second.rates])
    order = np.argsort(rates)
    losses = np.concatenate([first.losses, second.losses], axis=1)
    return Sweep(rates[order], first.initial, losses[:, order])


def _around(best: int, good: Array) -> tuple[int, int]:
    """First and last index of the unbroken run of good rates around the best."""
    below, above = np.flatnonzero(~good[:best]), np.flatnonzero(~good[best:])
    first = int(below[-1]) + 1 if below.size else 0
    last = best + int(above[0]) - 1 if above.size else len(good) - 1
    return first, last


# A ramp ends when its smoothed loss exceeds this many times the lowest one.
EXPLODED = 4.0
SMOOTHING = 0.98


def smoothed(losses: Array) -> Array:
    """The smoothed losses (steps,) of a ramp, up to the step at which they explode.

    Smoothing is the exponential moving average of fastai and Lightning: decay 0.98, bias-corrected.
    Both stop at four times the lowest value so far.
    """
    steps = np.arange(1, len(losses) + 1)
    kernel = SMOOTHING ** np.arange(len(losses))
    mean = (1 - SMOOTHING) * np.convolve(losses, kernel)[: len(losses)] / (1 - SMOOTHING**steps)
    exploded = ~np.isfinite(mean) | (mean > EXPLODED * np.fmin.accumulate(mean))
    return mean[: int(np.argmax(exploded)) + 1] if exploded.any() else mean


def usable(rates: Array, losses: Array) -> tuple[Array, Array]:
    """The rates and smoothed losses of a ramp that the classic rules use.

    As in fastai, the first tenth and the last five of the steps are left out. Both are empty if the
    ramp exploded at once; the rules then return nan.
    """
    mean = smoothed(losses)
    first = len(losses) // 10
    part = slice(first, max(len(mean) - 5, first + 2))
    rates, mean = rates[: len(mean)][part], mean[part]
    finite = np.isfinite(mean)
    return rates[finite], mean[finite]


def steepest(rates: Array, losses: Array) -> float:
    """The rate at which the smoothed loss falls most steeply against log(rate) (fastai, Lightning).

    rates, losses: (steps,), of a ramp.
    """
    rates, mean = usable(rates, losses)
    return float(rates[int(np.argmin(np.gradient(mean)))]) if len(mean) > 1 else np.nan


def minimum_over_10(rates: Array, losses: Array) -> float:
    """A tenth of the rate at which the smoothed loss is lowest (fastai)."""
    rates, mean = usable(rates, losses)
    return float(rates[int(np.argmin(mean))]) / 10 if len(mean) else np.nan


def valley(rates: Array, losses: Array) -> float:
    """The rate at the middle of the longest falling part of the smoothed loss (fastai).

    That part is the longest decreasing subsequence, which is taken to start as many steps before
    its end as it has members; the rate is halfway through its middle third.
    """
    rates, mean = usable(rates, losses)
    if not len(mean):
        return np.nan
    length = np.ones(len(mean), dtype=int)
    for i in range(1, len(mean)):
        length[i] = 1 + max(length[:i][mean[:i] > mean[i]], default=0)
    end = int(np.argmax(length))
    third = float(length[end]) / 3
    return float(rates[end - int(length[end]) + int(third) + int(third / 2)])


CLASSIC = {"steepest": steepest, "valley": valley, "minimum over 10": minimum_over_10}
