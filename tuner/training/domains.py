"""Domains: the values that a hyperparameter may have, written as its annotation."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from typing import Annotated, Any, get_args


@dataclass(frozen=True)
class Domain:
    """An interval of real numbers; it contains a bound only if that is `closed`.

    whole: whether the numbers are whole; many: whether a list of numbers is allowed; none: whether
    an empty list is allowed, too.
    """

    low: float
    high: float
    low_closed: bool = True
    high_closed: bool = False
    whole: bool = False
    many: bool = False
    none: bool = False

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.low_closed else value > self.low
        below = value <= self.high if self.high_closed else value < self.high
        return above and below

    def __str__(self) -> str:
        low = f"{'at least' if self.low_closed else 'above'} {self.low:g}"
        if self.high == math.inf:
            return low
        return f"{low} and {'at most' if self.high_closed else 'below'} {self.high:g}"


Positive = Annotated[float, Domain(0.0, math.inf, low_closed=False)]
NonNegative = Annotated[float, Domain(0.0, math.inf)]
AtLeastOne = Annotated[float, Domain(1.0, math.inf)]
Fraction = Annotated[float, Domain(0.0, 1.0)]
OpenFraction = Annotated[float, Domain(0.0, 1.0, low_closed=False)]
UnitInterval = Annotated[float, Domain(0.0, 1.0, high_closed=True)]
PositiveFraction = Annotated[float, Domain(0.0, 1.0, low_closed=False, high_closed=True)]


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter of a rule: its name, default and domain."""

    name: str
    default: float
    domain: Domain


@cache
def hyperparameters(rule: Callable[..., Any]) -> dict[str, Hyperparameter]:
    """The hyperparameters of a rule: its annotated parameters, in the order of its signature."""
    return {
        p.name: Hyperparameter(p.name, float(p.default), get_args(p.annotation)[1])
        for p in signature(rule).parameters.values()
        if p.annotation is not Parameter.empty and isinstance(get_args(p.annotation)[1], Domain)
    }
