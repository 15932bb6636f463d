"""Declarations: the default of a function's parameter may be a range, choices, or a branch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Keys of ranges in a config; options of branches and settings must not have these names.
LOW, CHOICES = "low", "choices"
WORDS = (LOW, "high", CHOICES)

# A part of a config as plain data, and what may be given for one.
Plain = dict[str, Any]
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Searched:
    """A searched default: a range or choices, in the form of a config."""

    plain: Plain


@dataclass(frozen=True)
class Branches:
    """A default with several options, each with its own settings."""

    options: Mapping[str, Given | None]


class Branch(Plain):
    """What a function receives for a `branch`: the settings of the chosen option.

    Attributes:
        name: the name of the chosen option.
    """

    def __init__(self, name: str, settings: Given) -> None:
        super().__init__(settings)
        self.name = name

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            known = ", ".join(self) or "no settings"
            raise AttributeError(f"{self.name} has {known}, not {key}") from None


def range(low: float, high: float, *, scale: str = "linear", step: float | None = None) -> Any:
    """A range of numbers to search, given as the default of a parameter.

    Args:
        low, high: the bounds, both included; with two whole numbers the function gets an `int`.
        scale: "linear", "log", or "reverse_log" for numbers close to 1, such as a momentum.
        step: the step of a grid that begins at low; None searches all numbers of the range.
    """
    plain: Plain = {LOW: low, "high": high, "scale": scale}
    return Searched(plain if step is None else {**plain, "step": step})


def choices(options: Sequence[Any]) -> Any:
    """A list of numbers, texts or flags to choose from, given as the default of a parameter."""
    # Other types are refused later, when the parameter's name is known.
    several = isinstance(options, Iterable) and not isinstance(options, str | bytes | Mapping)
    return Searched({CHOICES: list(options) if several else options})


def branch(**options: Given | None) -> Any:
    """Several options, each with its own settings, given as the default of a parameter.

    The function receives a `Branch`. With

        optimizer=tuner.branch(sgd={"lr": tuner.range(0.01, 1)}, adam={"beta": 0.9})

    `optimizer.name` is "sgd" or "adam", and `optimizer["lr"]` or `optimizer.lr` is a setting of
    it. A setting is searched only in the trials that choose its option.

    Args:
        options: the settings of each option by its name: numbers, texts, `range` or `choices`;
            None if an option has no settings.
    """
    return Branches(options)
