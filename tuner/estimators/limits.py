"""Limits: the values that an estimator's parameters may have."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from tuner.training.domains import Domain


@dataclass(frozen=True)
class Limit:
    """The allowed values of a parameter.

    Attributes:
        allows: whether a value other than None is allowed.
        words: the allowed values, in words, for the error.
        optional: whether None is allowed too.
    """

    allows: Callable[[Any], bool]
    words: str
    optional: bool = False

    def check(self, name: str, value: Any) -> None:
        """Refuses a value that is not allowed.

        Args:
            name: the name of the parameter, for the error.
            value: the value of the parameter.

        Raises:
            ValueError: the value is not allowed.
        """
        if not (self.allows(value) if value is not None else self.optional):
            more = ", or None" if self.optional else ""
            raise ValueError(f"{name}: {value!r}: give {self.words}{more}")


def is_number(value: Any) -> bool:
    """Whether a value is a finite real number; a bool is not."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: Any) -> bool:
    """Whether a value is an integer of at least 1; a bool is not."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def number(domain: Domain, optional: bool = False) -> Limit:
    """The limit that allows the numbers of a domain, and None if optional."""
    return Limit(lambda v: is_number(v) and v in domain, f"a number {domain}", optional)


def one_of(names: Sequence[str]) -> Limit:
    """The limit that allows these names only."""
    return Limit(lambda v: v in names, f"one of {', '.join(names)}")


WHOLE = Limit(is_whole, "a whole number, at least 1")
COUNT = Limit(is_whole, WHOLE.words, optional=True)
WIDTHS = Limit(
    lambda v: isinstance(v, Sequence) and not isinstance(v, str) and all(map(is_whole, v)),
    "a list of whole numbers, at least 1 each",
)
POSITIVE = number(Domain(0.0, math.inf, low_closed=False), optional=True)
NON_NEGATIVE = number(Domain(0.0, math.inf))
FRACTION = number(Domain(0.0, 1.0))
SHARE = number(Domain(0.0, 1.0, low_closed=False), optional=True)
FRACTION_TO_ONE = number(Domain(0.0, 1.0, low_closed=False, high_closed=True))
