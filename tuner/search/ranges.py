"""Ranges and choices: the possible values of one searched setting."""

import json
import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included.

    Attributes:
        low, high: the bounds.
        scale: linear, log, or reverse_log (1 - x is log-uniform, for numbers just below 1).
        step: the distance between neighbours on a linear scale, None for a continuum.
        integer: whether the numbers are integers.
    """

    low: float
    high: float
    scale: str = "linear"
    step: float | None = None
    integer: bool = False

    def key(self, path: str) -> str:
        """The parameter's name in Optuna, which stores 1 - x if the scale is reversed."""
        return f"1 - {path}" if self.scale == "reverse_log" else path

    @cached_property
    def count(self) -> int | None:
        """The number of evenly spaced values; None for a continuum or another scale than linear."""
        if not self.step and not (self.integer and self.scale == "linear"):
            return None
        low, high, step = (Fraction(str(x)) for x in (self.low, self.high, self.step or 1))
        return int((high - low) // step) + 1

    @property
    def size(self) -> float:
        """The number of values on any scale; infinity for a continuum."""
        if self.integer and not self.step:
            return int(self.high) - int(self.low) + 1
        return math.inf if self.count is None else self.count

    def tick(self, value: float) -> float:
        """A number's index on the grid, insensitive to the last digit; without a grid, the
        number."""
        return round((value - self.low) / self.step) if self.step else value

    def item(self, index: int) -> float:
        """The number at an index from 0, if `count` is not None."""
        # In decimal arithmetic, as written by the user and as in Optuna: 0.1 + 2 * 0.1 is 0.3.
        value = Decimal(str(self.low)) + index * Decimal(str(self.step or 1))
        return int(value) if self.integer else float(value)

    def at(self, u: float) -> float:
        """The number at the share u in [0, 1) of the range."""
        if self.count is not None:
            return self.item(int(u * self.count))
        if self.scale == "log" and math.isinf(self.high / self.low):
            value = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        elif self.scale == "log":
            value = float(self.low * (self.high / self.low) ** u)
        elif self.scale == "reverse_log":
            value = 1 - (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** u
        else:
            value = self.low + u * (self.high - self.low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else value

    def nearest(self, value: Any) -> float:
        """The number of the range nearest to a value; the middle if the value is not a number."""
        if not is_number(value):
            return self.at(0.5)
        inside = min(max(value, self.low), self.high)
        if self.count is None:
            return round(inside) if self.integer else float(inside)
        step = self.step or 1
        return self.item(min(round((inside - self.low) / step), self.count - 1))

    def holds(self, value: Any) -> bool:
        """Whether a value is in the range and on its grid, up to the last digit."""
        if not is_number(value):
            return False
        return math.isclose(self.nearest(value), value, rel_tol=1e-12)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}" + (f" by {self.step:g}" if self.step else "")

    def distribution(self) -> "BaseDistribution":
        """The range as a distribution of Optuna."""
        from optuna.distributions import FloatDistribution, IntDistribution

        # Optuna warns if a range is not an integer number of steps.
        high = self.high if self.count is None else self.item(self.count - 1)
        if self.integer:
            step = int(self.step or 1)
            return IntDistribution(int(self.low), int(high), self.scale == "log", step)
        if self.scale == "reverse_log":
            return FloatDistribution(1 - self.high, 1 - self.low, log=True)
        return FloatDistribution(self.low, high, self.scale == "log", self.step)

    def suggest(self, trial: "Trial", path: str) -> float:
        """The setting that Optuna suggests for a path."""
        d: Any = self.distribution()
        suggest = trial.suggest_int if self.integer else trial.suggest_float
        return self.decode(suggest(self.key(path), d.low, d.high, step=d.step, log=d.log))

    def decode(self, value: Any) -> float:
        """The setting, from the value that Optuna stores."""
        return 1 - value if self.scale == "reverse_log" else value  # type: ignore[no-any-return]

    def encode(self, value: float) -> float:
        """The value that Optuna stores for a setting."""
        return 1 - value if self.scale == "reverse_log" else value


@dataclass(frozen=True)
class Choices:
    """One of several values; Optuna stores them as JSON, so that a choice may be a list."""

    options: tuple[Any, ...]

    def key(self, path: str) -> str:
        """The parameter's name in Optuna, which is the path."""
        return path

    @property
    def count(self) -> int:
        """The number of options."""
        return len(self.options)

    @property
    def size(self) -> float:
        """The number of options, as for a range."""
        return len(self.options)

    def item(self, index: int) -> Any:
        """The option at an index from 0."""
        return self.options[index]

    def at(self, u: float) -> Any:
        """The option at the share u in [0, 1) of all options."""
        return self.options[int(u * len(self.options))]

    def nearest(self, value: Any) -> Any:
        """The option equal to the value, else the number nearest to it, else the first option."""
        if self.holds(value) or not is_number(value):
            return value if self.holds(value) else self.options[0]
        numbers = [option for option in self.options if is_number(option)]
        return min(numbers, key=lambda n: abs(n - value), default=self.options[0])

    def holds(self, value: Any) -> bool:
        """Whether a value is one of the options."""
        return value in self.options

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.options))}"

    def distribution(self) -> "BaseDistribution":
        """The choices as a distribution of Optuna."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([self.encode(option) for option in self.options])

    def suggest(self, trial: "Trial", path: str) -> Any:
        """The option that Optuna suggests for a path."""
        return self.decode(trial.suggest_categorical(path, list(map(self.encode, self.options))))

    def decode(self, value: Any) -> Any:
        """The option, from the value that Optuna stores."""
        return json.loads(value)

    def encode(self, value: Any) -> str:
        """The value that Optuna stores for an option."""
        return json.dumps(value)


Setting = Range | Choices


def is_number(value: Any) -> bool:
    """Whether a value is a number that can be compared, so not nan."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
