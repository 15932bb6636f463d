"""Search spaces: settings that are fixed, ranges or choices, with conditional branches.

A space maps paths, as `optimizer.adam.lr`, to settings. A path below a branch, as that one below
the choice `optimizer`, is asked for only where the branch is taken. Conditions say which settings
go together.
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


# Settings that are being put together.
Chosen = dict[str, Any]
# What tells settings apart, and both.
Identity = frozenset[tuple[str, Any]]
Found = tuple[Identity, Chosen]

# So many settings are drawn in search of one that the conditions allow.
TRIES = 10_000


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
        """Whether any of the first settings drawn is allowed, or any at all where they are few."""
        drawn = islice(self.drawn(np.random.default_rng(0)), TRIES)
        if not self.conditions or any(map(self.allows, drawn)):
            return True
        return self.size <= TRIES and any(True for part in self.parts() for _ in self.allowed(part))

    def kinds(self) -> dict[str, str]:
        """What each path is in a condition: a number, text, or neither."""
        fixed = {path: kind([value]) for path, value in self.fixed.items()}
        return fixed | {
            path: kind(s.options) if isinstance(s, Choices) else NUMBER
            for path, s in self.searched.items()
        }

    def impossible(self) -> UserError:
        """What to say when no new settings are found that the conditions allow."""
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
        """A running trial with these settings and user attributes, for Optuna."""
        from optuna.trial import TrialState, create_trial

        return create_trial(
            state=TrialState.RUNNING, user_attrs=dict(attributes or {}), **self._kept(settings)
        )

    def _kept(self, settings: Settings) -> Chosen:
        """What Optuna keeps of settings: parameters and their distributions."""
        searched = {path: s for path, s in self.searched.items() if path in settings}
        return {
            "params": self.encoded(settings),
            "distributions": {s.key(p): s.distribution() for p, s in searched.items()},
        }

    def encoded(self, settings: Settings) -> Chosen:
        """The parameters that Optuna keeps of settings."""
        return {s.key(p): s.encode(settings[p]) for p, s in self.searched.items() if p in settings}

    def identity(self, params: Settings) -> Identity:
        """What only the same settings have, from the parameters that Optuna keeps of them.

        Those of branches not taken are not among them.
        """
        ticks = {key: tick(params[key]) for key, tick in self._ticks if key in params}
        return frozenset({**params, **ticks}.items())

    @cached_property
    def _ticks(self) -> list[tuple[str, Callable[[float], float]]]:
        return [
            (s.key(p), s.tick) for p, s in self.searched.items() if isinstance(s, Range) and s.step
        ]

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

    def parts(self) -> Iterator[Chosen]:
        """Every combination of the options of the branches, the last one varying fastest."""
        options = [
            [s.item(i) for i in range(s.count or 0)] if s else [self.fixed[branch]]
            for branch, s in ((b, self.searched.get(b)) for b in self.branches)
        ]
        return (dict(zip(self.branches, own, strict=True)) for own in product(*options))

    def within(self, part: Settings) -> list[str]:
        """The searched paths that count in a part, beside its branches."""
        return [p for p in self.searched if p not in self.branches and self.active(p, part)]

    def size_of(self, part: Settings) -> float:
        """How many settings a part has, whatever the conditions: infinity for a continuum."""
        sizes = [self.searched[path].size for path in self.within(part)]
        return math.inf if math.inf in sizes else math.prod(sizes)

    @cached_property
    def size(self) -> float:
        """How many settings there are, whatever the conditions: infinity for a continuum."""
        sizes = [self.size_of(part) for part in self.parts()]
        return math.inf if math.inf in sizes else sum(sizes)

    def allowed(self, part: Settings) -> Iterator[Found]:
        """Every setting of a part that is allowed, with its identity; each is made but once."""
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
    """A setting from what Optuna keeps, whatever its scale was."""
    from optuna.distributions import CategoricalDistribution

    if path not in trial.params:
        return 1 - trial.params[f"1 - {path}"]
    value = trial.params[path]
    categorical = isinstance(trial.distributions[path], CategoricalDistribution)
    return json.loads(value) if categorical else value
