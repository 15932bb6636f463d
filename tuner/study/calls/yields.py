"""Yields: what a user function receives, and what it may yield, return and log."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.codec import Settings
from tuner.config.schema import Plain
from tuner.declarations import Branch
from tuner.function import BRANCH, Function

# The key under which a function gives the epoch of a mapping.
EPOCH = "epoch"


class WrongYield(Exception):
    """A function yielded or returned something invalid."""


def arguments(function: Function, settings: Settings) -> Plain:
    """The settings as the function's arguments; for a branch, the option with its settings."""
    found: Plain = {}
    for key, kind in function.kinds.items():
        value = found[key] = settings[key]
        if kind == BRANCH:
            below = f"{key}.{value}."
            own = {p[len(below) :]: v for p, v in settings.items() if p.startswith(below)}
            found[key] = Branch(value, own)
    return found


def numbers(found: Any, how: str = "yielded") -> tuple[dict[str, float], int | None]:
    """Checks a mapping of numbers; returns the numbers, and the epoch that it names.

    Args:
        found: what a function gave.
        how: "yielded" or "returned", for errors.

    Raises:
        WrongYield: for anything else.
    """
    if not isinstance(found, Mapping):
        raise WrongYield(f"{how} {found!r:.100}: must be a mapping of numbers by name")
    metrics: dict[str, float] = {}
    epoch = None
    for key, value in found.items():
        if not isinstance(key, str) or not key.replace("_", "a").replace(".", "a").isalnum():
            raise WrongYield(
                f"{how} the name {key!r:.100}: must consist of letters, digits, _ and ."
            )
        number = _number(value)
        if number is None:
            raise WrongYield(f"{how} {key} {value!r:.100}: must be a number")
        if key != EPOCH:
            metrics[key] = number
        elif not (number >= 0 and number.is_integer()):
            raise WrongYield(f"{how} {EPOCH} {value!r:.100}: must be a whole number, 0 or more")
        else:
            epoch = int(number)
    return metrics, epoch


def _number(value: Any) -> float | None:
    """A value as a number; None if it is not one. One-element tensors and arrays are numbers."""
    if isinstance(value, str | bytes):
        return None
    try:
        # PyTorch warns when a tensor with a gradient is converted to a number.
        return float(value.detach() if hasattr(value, "detach") else value)
    except Exception:  # each library raises errors of its own
        return None


def same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether two mappings hold the same numbers; NaN equals NaN."""
    return one.keys() == other.keys() and all(
        value == other[key] or (math.isnan(value) and math.isnan(other[key]))
        for key, value in one.items()
    )


class Log:
    """Keeps files of a trial, which MLflow shows with it.

    Args:
        folder: the folder of the files, made for the first one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def text(self, name: str, text: str) -> None:
        """Keeps a text under this file name."""
        self._place(name).write_text(text, encoding="utf-8")

    def figure(self, name: str, figure: Any) -> None:
        """Keeps a matplotlib figure under this file name."""
        figure.savefig(self._place(name))

    def file(self, path: str | Path) -> None:
        """Keeps a copy of a file."""
        shutil.copyfile(path, self._place(Path(path).name))

    def _place(self, name: str) -> Path:
        if Path(name).name != name or name in ("", ".", ".."):
            raise ValueError(f"{name!r}: must be a file's name without a folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / name
