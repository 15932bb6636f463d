"""Search spaces: settings that are fixed, ranges or choices, with conditional branches.

A space maps paths, such as `optimizer.adam.lr`, to settings. A path below a branch, such as this
one below the choice `optimizer`, is part of a trial only if the branch takes that option.
Conditions restrict which settings may be combined.
"""

import copy
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.codec import Settings
from tuner.errors import UserError
from tuner.search.constraints import NUMBER, Condition, kind
from tuner.search.ranges import Choices as Choices
from tuner.search.ranges import Range as Range
from tuner.search.ranges import Setting as Setting

if TYPE_CHECKING:
    from numpy.random import Generator
    from optuna.trial import FrozenTrial, Trial


# Settings under construction.
Chosen = dict[str, Any]
# The key that identifies settings, and the key together with the settings.
Identity = frozenset[tuple[str, Any]]
Found = tuple[Identity, Chosen]

# The number of random draws in search of settings that the conditions allow.
TRIES = 10_000


@dataclass(frozen=True)
class Space:
    """All settings that a trial may have.

    Attributes:
        fixed: values by path.
        searched: settings by path.
        branches: choices with paths below their options: with {"optimizer": ("adam", "sgd")} the
            paths `optimizer.adam.*` are active only if optimizer is adam. A choice with one option
            is fixed.
        conditions: conditions that the settings of a trial must satisfy.
    """

    fixed: Settings
    searched: Mapping[str, Setting]
    branches: Mapping[str, tuple[str, ...]]
    conditions: tuple[Condition, ...] = ()

    def active(self, path: str, choices: Settings) -> bool:
        """Whether a path is active, given the options that the branches take."""
        for branch in self.branches:
            if path.startswith(f"{branch}."):
                option = path[len(branch) + 1 :].split(".", 1)[0]
                return bool(choices[branch] == option)
        return True

    def settings(self, choose: Callable[[str, Setting], Any]) -> Chosen:
        """One value for every active path; `choose` returns the values of searched settings.

        Branches are chosen first, then the other settings in the order of the space.

        Args:
            choose: returns the value for a path and its setting.
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
        """Fixed and searched settings below a path that ends in a dot; keys omit that path."""
        size = len(prefix)
        fixed = {path[size:]: v for path, v in self.fixed.items() if path.startswith(prefix)}
        searched = {path[size:]: s for path, s in self.searched.items() if path.startswith(prefix)}
        return fixed, searched

    def shares(self, numbers: np.ndarray) -> Chosen:
        """Settings from numbers in [0, 1), one per searched path, in order."""
        share = dict(zip(self.searched, numbers, strict=True))
        return self.settings(lambda path, setting: setting.at(float(share[path])))

    def drawn(self, rng: "Generator") -> Iterator[Chosen]:
        """An endless iterator of independent settings, each uniform on the scale of its range."""
        while True:
            yield self.shares(rng.random(len(self.searched)))

    def allows(self, settings: Settings) -> bool:
        """Whether the conditions hold, for the settings as rounded by Optuna's encoding."""
        if not self.conditions:
            return True
        kept = {
            p: s.decode(s.encode(settings[p])) for p, s in self.searched.items() if p in settings
        }
        return all(condition.holds({**settings, **kept}) for condition in self.conditions)

    def anything_allowed(self) -> bool:
        """Whether any of TRIES random settings is allowed, or any of all in a small space."""
        drawn = islice(self.drawn(np.random.default_rng(0)), TRIES)
        if not self.conditions or any(map(self.allows, drawn)):
            return True
        return self.size <= TRIES and any(True for part in self.parts() for _ in self.allowed(part))

    def kinds(self) -> dict[str, str]:
        """The kind of each path in a condition: a number, text, or neither."""
        fixed = {path: kind([value]) for path, value in self.fixed.items()}
        return fixed | {
            path: kind(s.options) if isinstance(s, Choices) else NUMBER
            for path, s in self.searched.items()
        }

    def impossible(self) -> UserError:
        """The error for when no new settings are found that the conditions allow."""
        if not self.conditions:
            return UserError(
                f"{TRIES} settings were drawn, and none of them is new: widen the ranges"
            )
        conditions = " and ".join(condition.text for condition in self.conditions)
        return UserError(
            f"where: {conditions}: {TRIES} settings were drawn, and it holds for none of them: "
            "change it, "
            "or the ranges"
        )

    def suggested(self, trial: "Trial") -> Chosen:
        """Settings that Optuna suggests."""
        return self.settings(lambda path, setting: setting.suggest(trial, path))

    def trial(self, settings: Settings, attributes: Settings | None = None) -> "FrozenTrial":
        """A running Optuna trial with these settings and user attributes."""
        from optuna.trial import TrialState, create_trial

        return create_trial(
            state=TrialState.RUNNING, user_attrs=dict(attributes or {}), **self._kept(settings)
        )

    def _kept(self, settings: Settings) -> Chosen:
        """The settings in Optuna's form: parameters and distributions."""
        searched = {path: s for path, s in self.searched.items() if path in settings}
        return {
            "params": self.encoded(settings),
            "distributions": {s.key(p): s.distribution() for p, s in searched.items()},
        }

    def encoded(self, settings: Settings) -> Chosen:
        """The settings as parameters of Optuna."""
        return {s.key(p): s.encode(settings[p]) for p, s in self.searched.items() if p in settings}

    def identity(self, params: Settings) -> Identity:
        """A key that equal settings share, from their parameters in Optuna.

        It excludes settings of branches not taken.
        """
        ticks = {key: tick(params[key]) for key, tick in self._ticks if key in params}
        return frozenset({**params, **ticks}.items())

    @cached_property
    def _ticks(self) -> list[tuple[str, Callable[[float], float]]]:
        return [
            (s.key(p), s.tick) for p, s in self.searched.items() if isinstance(s, Range) and s.step
        ]

    def settings_of(self, trial: "FrozenTrial") -> Chosen:
        """The settings of an Optuna trial, proposed from these ranges or from earlier ones.

        Raises:
            KeyError: the trial is of another space.
        """
        return self.settings(lambda path, _: _recorded(trial, path))

    def misfit(self, settings: Settings) -> str:
        """The reason why settings do not fit this space, in words; "" if they fit."""
        chosen = self.settings(lambda path, setting: settings.get(path, setting.nearest(None)))
        for group, options in self.branches.items():
            if settings.get(group, options[0]) not in options:
                return f"{group} is {settings.get(group)}, here {' or '.join(options)}"
        for path in (path for path in self.searched if path in chosen):
            if path not in settings or not self.searched[path].holds(settings[path]):
                return f"{path} is {settings.get(path)}, here {self.searched[path]}"
        return "" if self.allows(chosen) else "`where` does not hold"

    def seen(self, trial: "FrozenTrial") -> "FrozenTrial":
        """A recorded trial in the form that a sampler of this space should see.

        A trial proposed from other ranges is converted to these. If it does not fit, the sampler
        sees it as failed, and so ignores it.
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
        """A searched path without countable values, or None if all are countable."""
        return next((path for path, s in self.searched.items() if s.count is None), None)

    def parts(self) -> Iterator[Chosen]:
        """Every combination of the branches' options, the last branch varying fastest."""
        options = [
            [s.item(i) for i in range(s.count or 0)] if s else [self.fixed[branch]]
            for branch, s in ((b, self.searched.get(b)) for b in self.branches)
        ]
        return (dict(zip(self.branches, own, strict=True)) for own in product(*options))

    def within(self, part: Settings) -> list[str]:
        """The searched paths that are active in a part, without its branches."""
        return [p for p in self.searched if p not in self.branches and self.active(p, part)]

    def size_of(self, part: Settings) -> float:
        """The number of settings of a part, ignoring conditions; infinity for a continuum."""
        sizes = [self.searched[path].size for path in self.within(part)]
        return math.inf if math.inf in sizes else math.prod(sizes)

    @cached_property
    def size(self) -> float:
        """The number of settings, ignoring conditions; infinity for a continuum."""
        sizes = [self.size_of(part) for part in self.parts()]
        return math.inf if math.inf in sizes else sum(sizes)

    def allowed(self, part: Settings) -> Iterator[Found]:
        """All allowed settings of a part, with their identities; computed once and cached."""
        key = tuple(part.values())
        if key not in self._walks:
            self._walks[key] = [], self._walk(part)
        known, rest = self._walks[key]
        yield from known
        for found in rest:
            known.append(found)
            yield found

    @cached_property
    def _walks(self) -> dict[tuple[str, ...], tuple[list[Found], Iterator[Found]]]:
        return {}

    def _walk(self, part: Settings) -> Iterator[Found]:
        own = self.within(part)
        numbers = (
            [s.item(i) for i in range(int(s.size))] for s in map(self.searched.get, own) if s
        )
        for values in product(*numbers):
            chosen = {**part, **dict(zip(own, values, strict=True))}
            settings = self.settings(lambda path, _, chosen=chosen: chosen[path])  # type: ignore[misc]
            if self.allows(settings):
                yield self.identity(self.encoded(settings)), settings


def _recorded(trial: "FrozenTrial", path: str) -> Any:
    """The value of a setting in an Optuna trial, whatever its scale was."""
    from optuna.distributions import CategoricalDistribution

    if path not in trial.params:
        return 1 - trial.params[f"1 - {path}"]
    value = trial.params[path]
    categorical = isinstance(trial.distributions[path], CategoricalDistribution)
    return json.loads(value) if categorical else value
