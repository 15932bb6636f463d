"""Search spaces: settings that are fixed, ranges or choices, with conditional branches.

A space maps paths, as `optimizer.adam.lr`, to settings. A path below a branch, as that one below
the choice `optimizer`, is asked for only where the branch is taken. Conditions say which settings
go together.
"""

import copy
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.codec import Settings
from tuner.errors import UserError
from tuner.search.constraints import NUMBER, Condition, kind

if TYPE_CHECKING:
    from numpy.random import Generator
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial


# Settings that are being put together.
Chosen = dict[str, Any]

# So many settings are drawn in search of one that the conditions allow.
TRIES = 10_000


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included.

    Attributes:
        low, high: the ends.
        scale: linear, log, or reverse_log (1 - x is log-uniform, for numbers just below 1).
        step: the distance of neighbours on a linear scale, None for a continuum.
        integer: whether the numbers are whole.
    """

    low: float
    high: float
    scale: str = "linear"
    step: float | None = None
    integer: bool = False

    def key(self, path: str) -> str:
        """The name in Optuna, which sees 1 - x where the scale is reversed."""
        return f"1 - {path}" if self.scale == "reverse_log" else path

    @property
    def count(self) -> int | None:
        """How many numbers there are; None for a continuum."""
        if not self.step and not (self.integer and self.scale == "linear"):
            return None
        low, high, step = (Decimal(str(x)) for x in (self.low, self.high, self.step or 1))
        return int((high - low) // step) + 1

    def item(self, index: int) -> float:
        """The number at an index from 0, where they can be counted."""
        # In decimals, as they were written and as Optuna counts: 0.1 + 2 * 0.1 is 0.3.
        value = Decimal(str(self.low)) + index * Decimal(str(self.step or 1))
        return int(value) if self.integer else float(value)

    def at(self, u: float) -> float:
        """The number at the share u in [0, 1) of the range."""
        if self.count is not None:
            return self.item(int(u * self.count))
        if self.scale == "log":
            value = float(self.low * (self.high / self.low) ** u)
        elif self.scale == "reverse_log":
            value = 1 - (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** u
        else:
            value = self.low + u * (self.high - self.low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else value

    def nearest(self, value: Any) -> float:
        """The number of the range nearest to a value; the middle for what is no number."""
        if not is_number(value):
            return self.at(0.5)
        inside = min(max(value, self.low), self.high)
        if self.count is None:
            return round(inside) if self.integer else float(inside)
        step = self.step or 1
        return self.item(min(round((inside - self.low) / step), self.count - 1))

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range, and on its grid; but for the last digit."""
        if not is_number(value):
            return False
        return math.isclose(self.nearest(value), value, rel_tol=1e-12)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}" + (f" by {self.step:g}" if self.step else "")

    def distribution(self) -> "BaseDistribution":
        """What Optuna calls the range."""
        from optuna.distributions import FloatDistribution, IntDistribution

        # Optuna warns of a range that is not a whole number of steps.
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
        """The setting from what Optuna stores."""
        return 1 - value if self.scale == "reverse_log" else value  # type: ignore[no-any-return]

    def encode(self, value: float) -> float:
        """What Optuna stores for a setting."""
        return 1 - value if self.scale == "reverse_log" else value


@dataclass(frozen=True)
class Choices:
    """One of several values; Optuna sees them as JSON, so that a choice may be a list."""

    options: tuple[Any, ...]

    def key(self, path: str) -> str:
        """The name in Optuna, which is the path."""
        return path

    @property
    def count(self) -> int:
        """How many options there are."""
        return len(self.options)

    def item(self, index: int) -> Any:
        """The option at an index from 0."""
        return self.options[index]

    def at(self, u: float) -> Any:
        """The option at the share u in [0, 1) of all."""
        return self.options[int(u * len(self.options))]

    def nearest(self, value: Any) -> Any:
        """The option that is the value or, among numbers, nearest to it; else the first."""
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
        """What Optuna calls the choices."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([self.encode(option) for option in self.options])

    def suggest(self, trial: "Trial", path: str) -> Any:
        """The option that Optuna suggests for a path."""
        return self.decode(trial.suggest_categorical(path, list(map(self.encode, self.options))))

    def decode(self, value: Any) -> Any:
        """The option from what Optuna stores."""
        return json.loads(value)

    def encode(self, value: Any) -> str:
        """What Optuna stores for an option."""
        return json.dumps(value)


Setting = Range | Choices


def is_number(value: Any) -> bool:
    """Whether it is one that can be compared: nan cannot."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


@dataclass(frozen=True)
class Space:
    """Everything a trial is made of.

    Attributes:
        fixed: values by path.
        searched: settings by path.
        branches: the choices that open paths below their options: with
            {"optimizer": ("adam", "sgd")} the paths `optimizer.adam.*` count only where optimizer
            is adam. A choice with one option is fixed.
        conditions: what must hold between the settings of a trial.
    """

    fixed: Settings
    searched: Mapping[str, Setting]
    branches: Mapping[str, tuple[str, ...]]
    conditions: tuple[Condition, ...] = ()

    def active(self, path: str, choices: Settings) -> bool:
        """Whether a path counts, given what the branches chose."""
        for branch in self.branches:
            if path.startswith(f"{branch}."):
                option = path[len(branch) + 1 :].split(".", 1)[0]
                return bool(choices[branch] == option)
        return True

    def settings(self, choose: Callable[[str, Setting], Any]) -> Chosen:
        """One value for every path that counts; `choose` gives those of the searched ones.

        Branches are chosen first, then the rest in the order of the space.

        Args:
            choose: gives a value from a path and its setting.
        """
        chosen: Chosen = {}
        for branch in self.branches:
            chosen[branch] = (
                choose(branch, self.searched[branch])
                if branch in self.searched
                else self.fixed[branch]
            )
        for path in (*self.fixed, *self.searched):
            if path not in chosen and self.active(path, chosen):
                searched = self.searched.get(path)
                chosen[path] = choose(path, searched) if searched else self.fixed[path]
        return chosen

    def below(self, prefix: str) -> tuple[Chosen, dict[str, Setting]]:
        """What is fixed and what is searched below a path that ends in a dot, without the path."""
        size = len(prefix)
        fixed = {path[size:]: v for path, v in self.fixed.items() if path.startswith(prefix)}
        searched = {path[size:]: s for path, s in self.searched.items() if path.startswith(prefix)}
        return fixed, searched

    def shares(self, numbers: np.ndarray) -> Chosen:
        """Settings from numbers in [0, 1), one for each searched path in order."""
        share = dict(zip(self.searched, numbers, strict=True))
        return self.settings(lambda path, setting: setting.at(float(share[path])))

    def drawn(self, rng: "Generator") -> Iterator[Chosen]:
        """Independent settings without end, each uniform on the scale of its range."""
        while True:
            yield self.shares(rng.random(len(self.searched)))

    def allows(self, settings: Settings) -> bool:
        """Whether the conditions hold, judged by what Optuna keeps of the settings."""
        if not self.conditions:
            return True
        kept = {
            p: s.decode(s.encode(settings[p])) for p, s in self.searched.items() if p in settings
        }
        return all(condition.holds({**settings, **kept}) for condition in self.conditions)

    def anything_allowed(self) -> bool:
        """Whether any of the first settings drawn is allowed."""
        drawn = islice(self.drawn(np.random.default_rng(0)), TRIES)
        return not self.conditions or any(map(self.allows, drawn))

    def kinds(self) -> dict[str, str]:
        """What each path is in a condition: a number, text, or neither."""
        fixed = {path: kind([value]) for path, value in self.fixed.items()}
        return fixed | {
            path: kind(s.options) if isinstance(s, Choices) else NUMBER
            for path, s in self.searched.items()
        }

    def impossible(self) -> UserError:
        """What to say when no settings are found that the conditions allow."""
        conditions = " and ".join(condition.text for condition in self.conditions)
        return UserError(
            f"where: {conditions}: holds for none of {TRIES} settings that were drawn: change it, "
            "or the ranges"
        )

    def suggested(self, trial: "Trial") -> Chosen:
        """Settings that Optuna suggests."""
        return self.settings(lambda path, setting: setting.suggest(trial, path))

    def trial(self, settings: Settings, attributes: Settings | None = None) -> "FrozenTrial":
        """A running trial with these settings and user attributes, for Optuna."""
        from optuna.trial import TrialState, create_trial

        return create_trial(
            state=TrialState.RUNNING, user_attrs=dict(attributes or {}), **self._kept(settings)
        )

    def _kept(self, settings: Settings) -> Chosen:
        """What Optuna keeps of settings: parameters and their distributions."""
        searched = {path: s for path, s in self.searched.items() if path in settings}
        return {
            "params": {s.key(p): s.encode(settings[p]) for p, s in searched.items()},
            "distributions": {s.key(p): s.distribution() for p, s in searched.items()},
        }

    def settings_of(self, trial: "FrozenTrial") -> Chosen:
        """The settings of a trial as Optuna keeps it, asked of these ranges or of earlier ones.

        Raises:
            KeyError: for a trial of another space.
        """
        return self.settings(lambda path, _: _recorded(trial, path))

    def misfit(self, settings: Settings) -> str:
        """Why settings made elsewhere are none of this space, in words; empty if they are."""
        chosen = self.settings(lambda path, setting: settings.get(path, setting.nearest(None)))
        for group, options in self.branches.items():
            if settings.get(group, options[0]) not in options:
                return f"{group} is {settings.get(group)}, here {' or '.join(options)}"
        for path in (path for path in self.searched if path in chosen):
            if path not in settings or not self.searched[path].holds(settings[path]):
                return f"{path} is {settings.get(path)}, here {self.searched[path]}"
        return "" if self.allows(chosen) else "`where` does not hold"

    def seen(self, trial: "FrozenTrial") -> "FrozenTrial":
        """A trial on record as a sampler of this space should see it.

        One that was asked of other ranges is put in terms of these; if it does not fit them, it
        is seen as failed, which teaches nothing.
        """
        from datetime import datetime

        from optuna.trial import TrialState

        seen = copy.copy(trial)
        try:
            settings = self.settings_of(trial)
            fits = not self.misfit(settings)
        except KeyError:
            fits = False
        if not fits:
            seen.state, seen.values = TrialState.FAIL, None
            seen.datetime_complete = trial.datetime_complete or datetime.now()
            return seen
        kept = self._kept(settings)
        if kept["distributions"] != trial.distributions:
            seen.params, seen.distributions = kept["params"], kept["distributions"]
        return seen

    def without_end(self) -> str | None:
        """A searched path that has no countable values, or None if all have."""
        return next((path for path, s in self.searched.items() if s.count is None), None)

    def grid(self) -> list[Chosen]:
        """Every combination that is allowed, the last path varying fastest."""
        return self._combinations

    def untried(self, trials: Iterable["FrozenTrial"]) -> Chosen | None:
        """The first combination of the grid that none of these trials has, if there is one."""
        tried = {frozenset(trial.params.items()) for trial in trials}
        return next((own for key, own in self._by_params.items() if key not in tried), None)

    # Both are kept, for the grid sampler asks again for every trial.
    @cached_property
    def _by_params(self) -> dict[frozenset[tuple[str, Any]], Chosen]:
        return {frozenset(self._kept(own)["params"].items()): own for own in self.grid()}

    @cached_property
    def _combinations(self) -> list[Chosen]:
        combinations: list[Chosen] = [{}]
        for path in (*self.branches, *(p for p in self.searched if p not in self.branches)):
            setting = self.searched.get(path, Choices((self.fixed.get(path),)))
            combinations = [
                {**c, path: setting.item(i)} if self.active(path, c) else c
                for c in combinations
                for i in range((setting.count or 0) if self.active(path, c) else 1)
            ]
        whole = [self.settings(lambda path, _, c=c: c[path]) for c in combinations]  # type: ignore[misc]
        return [settings for settings in whole if self.allows(settings)]


def _recorded(trial: "FrozenTrial", path: str) -> Any:
    """A setting from what Optuna keeps, whatever its scale was."""
    from optuna.distributions import CategoricalDistribution

    if path not in trial.params:
        return 1 - trial.params[f"1 - {path}"]
    value = trial.params[path]
    categorical = isinstance(trial.distributions[path], CategoricalDistribution)
    return json.loads(value) if categorical else value
