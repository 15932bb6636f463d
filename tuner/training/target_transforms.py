"""Transforms of skewed targets: fitted to training rows, and inverted in what is predicted."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

Array = np.ndarray

LOG1P, POWER = "log1p", "power"
NAMES = (LOG1P, POWER)
# What 1 + y and its like are at least: beyond it no number of float64 comes back.
TINY = 1e-12
# In standard deviations of the targets: so far from itself float32 may bring a training target.
EXACT = 1e-3


@dataclass(frozen=True, eq=False)
class TargetTransform:
    """A fitted transform: log(1 + y), or a power of (y - shift) / scale, by Yeo and Johnson (2000).

    The shift is the median, the scale the median distance from it (the mean one where that is 0).

    What is predicted is kept to the range of the training targets, widened by its width on either
    side (with log1p not below halfway from the lowest one to -1): the inverse of a power has no
    number for every score, and that of a logarithm soon has none that float64 holds.

    Attributes:
        method: one of NAMES.
        power, shift, scale: (outputs,); for log1p they play no part.
        low, high: (outputs,) what is predicted at least and at most, in the unit of the targets.
    """

    method: str
    power: Array
    shift: Array
    scale: Array
    low: Array
    high: Array

    def __call__(self, y: Array) -> Array:
        """Targets (n, outputs) transformed, float64."""
        y = np.asarray(y, np.float64)
        if self.method == LOG1P:
            # Goes on as a line: what another model predicts below -1 comes back, too.
            return np.asarray(np.log1p(np.maximum(y, TINY - 1)) + np.minimum(y - (TINY - 1), 0))
        from scipy.stats import yeojohnson

        z = (y - self.shift) / self.scale
        with np.errstate(over="ignore"):
            made = [yeojohnson(z[:, at], lmbda=power) for at, power in enumerate(self.power)]
        return np.stack(made, axis=1)

    def inverse(self, t: Array) -> Array:
        """What transformed predictions (n, outputs) are in the unit of the targets, bounded."""
        t = np.asarray(t, np.float64)
        with np.errstate(over="ignore"):
            if self.method == LOG1P:
                least = np.log1p(TINY - 1)
                y = np.expm1(np.maximum(t, least)) + np.minimum(t - least, 0)
            else:
                y = self._unpowered(t)
        return np.asarray(np.clip(y, self.low, self.high))

    def _unpowered(self, t: Array) -> Array:
        """The inverse of the power: scikit-learn's PowerTransformer, without gaps beyond its image.

        It is of two branches: of t at 0 or more by the power, of t below 0 by 2 - power.
        """
        power = np.where(t >= 0, self.power, 2 - self.power)
        size, near = np.abs(t), np.abs(power) < np.finfo(np.float64).eps
        safe = np.where(near, 1.0, power)
        with np.errstate(over="ignore"):
            y = np.where(near, np.expm1(size), np.maximum(size * safe + 1, TINY) ** (1 / safe) - 1)
        return np.asarray(np.copysign(y, t) * self.scale + self.shift)

    @property
    def unbounded(self) -> Self:
        """The same that keeps to no range."""
        return replace(self, low=np.full_like(self.low, -np.inf), high=self.high + np.inf)


def fit(method: str, y: Array) -> TargetTransform:
    """Fits a transform to the targets of the training rows; sample weights play no part.

    Args:
        method: one of NAMES.
        y: (n, outputs), finite.

    Raises:
        ValueError: there is no such method, the targets are the same in all rows, log1p has no
            number for one, or a power would leave too little between them.
    """
    if method not in NAMES:
        raise ValueError(f"must be one of {', '.join(NAMES)}")
    y = np.asarray(y, np.float64)
    check_domain(method, y)
    low, high = y.min(axis=0), y.max(axis=0)
    if (low == high).any():
        place = int(np.argmax(low == high))
        which = "the targets are" if y.shape[1] == 1 else f"target {place} (counted from 0) is"
        raise ValueError(f"{which} {low[place]:g} in every training row; leave it out")
    width, outputs = high - low, y.shape[1]
    least = np.maximum(low - width, (low - 1) / 2) if method == LOG1P else low - width
    made = TargetTransform(
        method, np.zeros(outputs), np.zeros(outputs), np.ones(outputs), least, high + width
    )
    if method == POWER:
        from scipy.stats import yeojohnson_normmax

        # Neither moved by a long tail, as mean and deviation are: powers stay near 0, where the
        # inverse has numbers for more scores.
        shift = np.median(y, axis=0)
        off = np.abs(y - shift)
        scale = np.median(off, axis=0)
        scale = np.where(scale > 0, scale, off.mean(axis=0))
        z = (y - shift) / scale
        power = np.array([float(yeojohnson_normmax(z[:, at])) for at in range(outputs)])
        made = replace(made, power=power, shift=shift, scale=scale)
    _check_apart(made, y)
    return made


def check_domain(method: str, y: Array) -> None:
    """Refuses targets that a method has no number for.

    Raises:
        ValueError: with the lowest one.
    """
    if method == LOG1P and (lowest := float(np.min(y))) <= -1:
        raise ValueError(f"takes targets above -1, the data have {lowest:g}; give {POWER}")


def _check_apart(made: TargetTransform, y: Array) -> None:
    """Raises ValueError unless float32 can tell transformed targets apart as the raw ones are."""
    t = made(y)
    mean, spread = t.mean(axis=0), t.std(axis=0)
    with np.errstate(all="ignore"):
        coded = ((t - mean) / spread).astype(np.float32).astype(np.float64)
        off = np.abs(made.unbounded.inverse(coded * spread + mean) - y)
        fine = off <= EXACT * (np.abs(y - y.mean(axis=0)) + y.std(axis=0))
    if not (spread > 0).all() or not fine.all():
        raise ValueError("leaves too little between the targets; give another, or another unit")
