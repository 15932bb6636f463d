"""Untried settings: each setting is tried once, until a finite space is exhausted."""

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from tuner.codec import Settings
from tuner.search.space import TRIES, Chosen, Space

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

# Parts of a space with at most this many settings can be searched completely.
FEW = 10_000


def counted(study: "optuna.Study") -> "list[FrozenTrial]":
    """All trials except those that were interrupted, whose settings count as untried."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state is not TrialState.FAIL]


class Untried:
    """The settings of a space that are allowed and that no trial of a study has.

    Settings of a running trial count as tried. Those of an interrupted trial do not, because they
    have no result.
    """

    def __init__(self, study: "optuna.Study", space: Space) -> None:
        self.space = space
        self.tried = {space.identity(trial.params) for trial in counted(study)}

    def __call__(self, settings: Settings) -> bool:
        """Whether settings are untried and allowed."""
        new = self.space.identity(self.space.encoded(settings)) not in self.tried
        return new and self.space.allows(settings)

    def all(self) -> Iterator[Chosen]:
        """All untried settings in the order of the grid; slow for a large space."""
        return chain.from_iterable(map(self.of, self.space.parts()))

    def of(self, part: Settings) -> Iterator[Chosen]:
        """The untried settings whose branches take these options."""
        return (own for key, own in self.space.allowed(part) if key not in self.tried)

    def few(self) -> Iterator[Chosen]:
        """The untried settings of the parts that have few settings."""
        few = (part for part in self.space.parts() if self.space.size_of(part) <= FEW)
        return chain.from_iterable(map(self.of, few))

    def none_of(self, part: Settings) -> bool:
        """Whether a part has few settings and all of them are tried."""
        return self.space.size_of(part) <= FEW and not any(True for _ in self.of(part))

    @cached_property
    def none(self) -> bool:
        """Whether all settings are known to be tried."""
        if len(self.tried) >= self.space.size:
            return True
        return self.space.size <= FEW and all(map(self.none_of, self.space.parts()))

    def why_none(self) -> str:
        """The reason why nothing more is tried, in words."""
        if not self.none:
            if self.space.conditions:
                return "`where` leaves nothing more to try"
            return f"{TRIES} settings were drawn, and none of them is new"
        kind = "that `where` allows" if self.space.conditions else "of the space"
        count = len(self.tried)
        if count == 1:
            return f"the only setting {kind} was tried"
        return f"all {count} settings {kind} were tried"


def count_of(space: Space) -> str:
    """The number of settings of a space, in words; "" if infinite.

    Settings that the conditions forbid are excluded if the space is small enough to count them.
    """
    if space.size == math.inf:
        return ""
    most, count = "", int(space.size)
    if space.conditions and count <= FEW:
        count = sum(1 for part in space.parts() for _ in space.allowed(part))
    elif space.conditions:
        most = "at most "
    allowed = " that `where` allows" if space.conditions else ""
    return f"{most}{count} setting{'s' * (count != 1)}{allowed}"
