"""Transforms of skewed targets: fitted to training rows, and inverted for predictions."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

Array = np.ndarray

LOG1P, POWER = "log1p", "power"
NAMES = (LOG1P, POWER)
# Lower bound of 1 + y and of similar terms: below it, float64 cannot invert the transform.
TINY = 1e-12
# Allowed float32 error of a training target, relative to its distance from the mean plus the
# standard deviation.
EXACT = 1e-3


@dataclass(frozen=True, eq=False)
class TargetTransform:
    """A fitted transform: log(1 + y), or a power of (y - shift) / scale, by Yeo and Johnson (2000).

    The shift is the median, the scale the median distance from it (the mean one where that is 0).

    Predictions are clipped to the range of the training targets, widened by its width on either
    side (with log1p, not below halfway from the lowest target to -1). The inverse of a power is not
    defined for every score, and that of a logarithm soon overflows float64.

    Attributes:
        method: one of NAMES.
        power, shift, scale: (outputs,); log1p does not use them.
        low, high: (outputs,) bounds of predictions, in the unit of the targets.
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
            # Continued as a line below -1, so that predictions of other models can be inverted
            # there.
            return np.asarray(np.log1p(np.maximum(y, TINY - 1)) + np.minimum(y - (TINY - 1), 0))
        from scipy.stats import yeojohnson

        z = (y - self.shift) / self.scale
        with np.errstate(over="ignore"):
            made = [yeojohnson(z[:, at], lmbda=power) for at, power in enumerate(self.power)]
        return np.stack(made, axis=1)

    def inverse(self, t: Array) -> Array:
        """Transformed predictions (n, outputs) in the unit of the targets, clipped."""
        t = np.asarray(t, np.float64)
        with np.errstate(over="ignore"):
            if self.method == LOG1P:
                least = np.log1p(TINY - 1)
                y = np.expm1(np.maximum(t, least)) + np.minimum(t - least, 0)
            else:
                y = self._unpowered(t)
        return np.asarray(np.clip(y, self.low, self.high))

    def _unpowered(self, t: Array) -> Array:
        """The inverse of the power, as in scikit-learn's PowerTransformer, but defined everywhere.

        For t of 0 or more it uses the power, for t below 0 it uses 2 - power.
        """
        power = np.where(t >= 0, self.power, 2 - self.power)
        size, near = np.abs(t), np.abs(power) < np.finfo(np.float64).eps
        safe = np.where(near, 1.0, power)
        with np.errstate(over="ignore"):
            y = np.where(near, np.expm1(size), np.maximum(size * safe + 1, TINY) ** (1 / safe) - 1)
        return np.asarray(np.copysign(y, t) * self.scale + self.shift)

    @property
    def unbounded(self) -> Self:
        """The same transform without clipping."""
        return replace(self, low=np.full_like(self.low, -np.inf), high=self.high + np.inf)


def fit(method: str, y: Array) -> TargetTransform:
    """Fits a transform to the targets of the training rows; sample weights are ignored.

    Args:
        method: one of NAMES.
        y: (n, outputs), finite.

    Raises:
        ValueError: there is no such method, targets are the same in all rows, log1p is undefined
            for one, or the transform would bring them too close together for float32.
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

        # Unlike mean and standard deviation, both are robust to a long tail. So powers stay near 0,
        # where the inverse is defined for more scores.
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
    """Refuses targets for which a method is undefined.

    Raises:
        ValueError: the message names the lowest target.
    """
    if method == LOG1P and (lowest := float(np.min(y))) <= -1:
        raise ValueError(f"takes targets above -1, the data have {lowest:g}; give {POWER}")


def _check_apart(made: TargetTransform, y: Array) -> None:
    """Raises ValueError unless transformed targets are still distinct in float32."""
    t = made(y)
    mean, spread = t.mean(axis=0), t.std(axis=0)
    with np.errstate(all="ignore"):
        coded = ((t - mean) / spread).astype(np.float32).astype(np.float64)
        off = np.abs(made.unbounded.inverse(coded * spread + mean) - y)
        fine = off <= EXACT * (np.abs(y - y.mean(axis=0)) + y.std(axis=0))
    if not (spread > 0).all() or not fine.all():
        raise ValueError("leaves too little between the targets; give another, or another unit")
