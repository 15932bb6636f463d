"""The axes of a chart: positions of values, and which values have labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuner.search.ranges import Choices, Setting
from tuner.search.trials import Goal

# The approximate number of labels on an axis.
LABELS = 5
# The margin beyond the outermost values, as a share of the axis.
ROOM = 0.05

# The value of a setting: a number, or one of several choices.
Value = object


@dataclass(frozen=True)
class Axis:
    """An axis from one value to another.

    Attributes:
        label: what it measures.
        low, high: the ends, as values; with options, as their indices.
        scale: linear, log, or reverse_log, as in settings.
        options: the choices of a categorical axis.
    """

    label: str
    low: float
    high: float
    scale: str = "linear"
    options: tuple[str, ...] = ()

    def place(self, value: Value) -> float | None:
        """The position of a value, 0 at the low end and 1 at the high one; None if it has none."""
        if self.options:
            known = str(value) in self.options
            index = self.options.index(str(value)) if known else None
            return None if index is None else (index - self.low) / (self.high - self.low or 1.0)
        at, low, high = (_straight(number, self.scale) for number in (value, self.low, self.high))
        if at is None or low is None or high is None:
            return None
        return (at - low) / (high - low) if high > low else 0.5

    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels."""
        if self.options:
            shown = self.options[:: math.ceil(len(self.options) / 8)]
            return [(self.place(own) or 0.0, own[:14]) for own in shown]
        if self.scale == "log":
            numbers = _log_ticks(self.low, self.high)
        elif self.scale == "reverse_log":
            numbers = [1 - n for n in _log_ticks(1 - self.high, 1 - self.low)]
        else:
            numbers = _ticks(self.low, self.high)
        places = ((self.place(number), f"{number:.6g}") for number in numbers)
        return [(at, text) for at, text in places if at is not None and -1e-9 <= at <= 1 + 1e-9]


def of_setting(label: str, setting: Setting, values: Sequence[Value]) -> Axis:
    """The axis of a searched setting, on its own scale.

    Args:
        label: the axis label.
        setting: its range or choices.
        values: the trials' values; they may be from earlier ranges.
    """
    if isinstance(setting, Choices):
        options = tuple(dict.fromkeys(map(str, (*setting.options, *values))))
        return Axis(label, -0.5, len(options) - 0.5, options=options)
    own = [
        v for v in values if isinstance(v, int | float) and _straight(v, setting.scale) is not None
    ]
    ends = (*own, setting.low, setting.high)
    bare = Axis(label, min(ends), max(ends), setting.scale)
    return roomy(bare)


def of_values(label: str, values: Sequence[float], log: bool = False) -> Axis:
    """The axis of measured numbers; there may be none.

    Args:
        label: the axis label.
        values: finite numbers.
        log: whether to use a log scale if all numbers are positive.
    """
    if not values:
        return Axis(label, 0.0, 1.0)
    low, high = min(values), max(values)
    scale = "log" if log and low > 0 and high > low else "linear"
    if low == high:
        return Axis(label, low - (abs(low) or 1.0) / 10, high + (abs(high) or 1.0) / 10)
    return roomy(Axis(label, low, high, scale))


def of_goal(goal: Goal, unit: str, values: Sequence[float]) -> Axis:
    """The axis of the goal: losses on a log scale, scores on a linear one."""
    own = goal.curve == "validation_loss" and unit
    what = f"validation {unit}" if own else goal.title
    return of_values(what, values, log=not goal.greater_is_better)


def roomy(axis: Axis) -> Axis:
    """The axis with a margin beyond its ends, if the scale has numbers there."""
    low, high = axis.low, axis.high
    if axis.scale == "log":
        ratio = 10 ** (ROOM * (math.log10(high) - math.log10(low)))
        ends = low / ratio, high * ratio
    elif axis.scale == "reverse_log":
        ratio = ((1 - low) / (1 - high)) ** ROOM
        ends = 1 - (1 - low) * ratio, 1 - (1 - high) / ratio
    else:
        ends = low - ROOM * (high - low), high + ROOM * (high - low)
    fits = all(_straight(end, axis.scale) is not None for end in ends)
    return Axis(axis.label, *ends, axis.scale) if fits else axis


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high at equal distances."""
    rough = (high - low) / LABELS
    if not 1e-300 < rough < math.inf:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{index * step:.9g}") for index in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten from low to high; if they are few, with numbers between, or round numbers."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(max(first, -307), min(last, 307) + 1)
    for between in ((1,), (1, 3), (1, 2, 5)):
        numbers = [m * 10.0**p for p in powers for m in between]
        inside = [float(f"{n:.3g}") for n in numbers if low <= n <= high]
        if len(inside) >= LABELS - 1:
            return inside[:: math.ceil(len(inside) / (LABELS + 2))]
    return inside if len(inside) >= 3 else _ticks(low, high)


def _straight(value: Value, scale: str) -> float | None:
    """A value on a linear scale; None if the scale does not have it."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if scale == "log":
        return math.log10(value) if value > 0 else None
    if scale == "reverse_log":
        return -math.log10(1 - value) if value < 1 else None
    return float(value)
