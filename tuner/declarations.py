"""What a default of a training function may declare: a range, choices, or a branch of options."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Keys of a range as a config has it; no option of a branch and no setting may be called so.
LOW, CHOICES = "low", "choices"
WORDS = (LOW, "high", CHOICES)

# A part of a config, as YAML has it; and what may be given as one.
Plain = dict[str, Any]
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Searched:
    """A default that is searched: a range or choices, as a config has them."""

    plain: Plain


@dataclass(frozen=True)
class Branches:
    """A default that is one of several options, each with settings of its own."""

    options: Mapping[str, Given | None]


class Branch(Plain):
    """What a function gets for a `branch`: the settings of the option that was chosen.

    Attributes:
        name: of the option.
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
    """A number that is searched, as the default of a parameter.

    Args:
        low, high: the ends, which belong to it; whole numbers for an `int`.
        scale: "linear", "log", or "reverse_log" for numbers close to 1, as a momentum.
        step: of a grid that begins at low.
    """
    plain: Plain = {LOW: low, "high": high, "scale": scale}
    return Searched(plain if step is None else {**plain, "step": step})


def choices(options: Sequence[Any]) -> Any:
    """One of a list of numbers, texts or flags, as the default of a parameter."""
    # What is no list is refused where the parameter's name is known.
    several = isinstance(options, Iterable) and not isinstance(options, str | bytes | Mapping)
    return Searched({CHOICES: list(options) if several else options})


def branch(**options: Given | None) -> Any:
    """One of several options with settings of their own, as the default of a parameter.

    The function gets a `Branch`: with

        optimizer=tuner.branch(sgd={"lr": tuner.range(0.01, 1)}, adam={"beta": 0.9})

    `optimizer.name` is "sgd" or "adam", and `optimizer["lr"]` or `optimizer.lr` its setting. A
    setting is searched only in the trials that take its option.

    Args:
        options: by name, the settings of each: numbers, texts, `range` or `choices`; None for none.
    """
    return Branches(options)
