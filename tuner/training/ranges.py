"""Learning-rate ranges: the good rates, judged by short runs or by a ramp."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# A rate is as good as any if its gain is this share of the best rate's: closer than that, short
# runs do not foretell long ones.
AS_GOOD = 0.9
# A rate is worth searching if its gain is at least this share.
WORTH = 0.5


@dataclass(frozen=True)
class Sweep:
    """Short runs that differ by rate and seed alone.

    rates: (rates,), ascending, at equal factors; initial: (seeds,), losses before the first step;
    losses: (seeds, rates), losses at the end, nan where a run diverged. All are of training, or
    all of validation.
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
        """Whether a run, and each one at a lower rate, ended below its start: (seeds, rates)."""
        stable: Array = np.logical_and.accumulate(self.gains > 0, axis=1)
        return stable


@dataclass(frozen=True)
class Bracket:
    """The rates worth searching, and marks among them.

    low, high: from the lowest rate worth searching to the highest as good as any, for long runs
    bear lower rates than short ones, not higher; suggested: the middle of those as good as any;
    steepest: where the loss falls most for a change of the rate; stable: the largest rate up to
    which every run ended below its start; best: that of the lowest loss.
    """

    low: float
    high: float
    suggested: float
    steepest: float
    stable: float
    best: float


def slopes(rates: Array, losses: Array) -> Array:
    """Change of the losses (..., rates) for a factor of ten in the rate, by central differences.

    nan beside a loss that is nan.

    >>> slopes(np.array([0.01, 0.1, 1.0]), np.array([3.0, 2.0, 0.0]))
    array([-1. , -1.5, -2. ])
    """
    slope: Array = np.gradient(losses, np.log10(rates), axis=-1)
    return slope


def bracket(sweep: Sweep) -> Bracket | None:
    """What the sweep says on the average over its seeds; None if no rate brought a gain.

    A rate at which any of the seeds diverged counts as diverged.
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
    """The lowest and the highest rate about the best one that are as good as any; None if no rate
    brought a gain.

    As good is what gains `AS_GOOD` of the best rate's gain, on the average over the seeds.
    """
    gains = sweep.gains.mean(axis=0)
    best = int(np.argmax(gains))
    if not gains[best] > 0:
        return None
    first, last = _around(best, gains >= AS_GOOD * gains[best])
    return float(sweep.rates[first]), float(sweep.rates[last])


def brackets(sweep: Sweep) -> list[Bracket]:
    """The bracket that each seed gives alone, of those under which some rate brought a gain."""
    alone = (
        bracket(Sweep(sweep.rates, sweep.initial[[i]], sweep.losses[[i]]))
        for i in range(len(sweep.initial))
    )
    return [b for b in alone if b is not None]


def open_ends(sweep: Sweep) -> tuple[bool, bool]:
    """Whether rates below and above those tried may be worth as much: losses do not turn up there.

    Where no rate brought a gain, they may be above if the lowest moved nothing, else below.
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
    """One sweep over the rates of two, of the same seeds."""
    rates = np.concatenate([first.rates, second.rates])
    order = np.argsort(rates)
    losses = np.concatenate([first.losses, second.losses], axis=1)
    return Sweep(rates[order], first.initial, losses[:, order])


def _around(best: int, good: Array) -> tuple[int, int]:
    """The first and the last of the good ones that lie about the best without a gap."""
    below, above = np.flatnonzero(~good[:best]), np.flatnonzero(~good[best:])
    first = int(below[-1]) + 1 if below.size else 0
    last = best + int(above[0]) - 1 if above.size else len(good) - 1
    return first, last


# A ramp stops when its smoothed loss exceeds the lowest one so many times.
EXPLODED = 4.0
SMOOTHING = 0.98


def smoothed(losses: Array) -> Array:
    """The running mean (steps,) of the losses of a ramp, up to the step at which it explodes.

    The exponential mean with decay 0.98, corrected for its start at zero, that fastai and Lightning
    take; both stop at four times the lowest value so far.
    """
    steps = np.arange(1, len(losses) + 1)
    kernel = SMOOTHING ** np.arange(len(losses))
    mean = (1 - SMOOTHING) * np.convolve(losses, kernel)[: len(losses)] / (1 - SMOOTHING**steps)
    exploded = ~np.isfinite(mean) | (mean > EXPLODED * np.fmin.accumulate(mean))
    return mean[: int(np.argmax(exploded)) + 1] if exploded.any() else mean


def usable(rates: Array, losses: Array) -> tuple[Array, Array]:
    """Rates and smoothed losses of a ramp that the classic rules look at.

    As in fastai, the first tenth of the steps and the last five before the end are left out. There
    are none where the ramp exploded at once; the rules then say nan.
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

    That part is the longest subsequence of ever lower losses, its first step taken to lie as many
    steps before its last as it has members; the rate lies half way through its middle third.
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
