"""Untried settings: each is tried once, and a finite space ends with its last."""

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

# A part of a space is searched to its last setting if it has no more than so many.
FEW = 10_000


def counted(study: "optuna.Study") -> "list[FrozenTrial]":
    """The trials that have taken what was planned for them: all but those that were interrupted."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state is not TrialState.FAIL]


class Untried:
    """The settings of a space that are allowed and that no trial of a study has.

    A trial that is under way has its settings; one that was interrupted has none, for nothing is
    known of them.
    """

    def __init__(self, study: "optuna.Study", space: Space) -> None:
        self.space = space
        self.tried = {space.identity(trial.params) for trial in counted(study)}

    def __call__(self, settings: Settings) -> bool:
        """Whether settings are among them."""
        new = self.space.identity(self.space.encoded(settings)) not in self.tried
        return new and self.space.allows(settings)

    def all(self) -> Iterator[Chosen]:
        """Every one of them in the order of the grid, which takes long where they are many."""
        return chain.from_iterable(map(self.of, self.space.parts()))

    def of(self, part: Settings) -> Iterator[Chosen]:
        """Those whose branches take these options."""
        return (own for key, own in self.space.allowed(part) if key not in self.tried)

    def few(self) -> Iterator[Chosen]:
        """Those of the parts that have few settings."""
        few = (part for part in self.space.parts() if self.space.size_of(part) <= FEW)
        return chain.from_iterable(map(self.of, few))

    def none_of(self, part: Settings) -> bool:
        """Whether a part that has few settings has none that is left."""
        return self.space.size_of(part) <= FEW and not any(True for _ in self.of(part))

    @cached_property
    def none(self) -> bool:
        """Whether none is known to be left."""
        if len(self.tried) >= self.space.size:
            return True
        return self.space.size <= FEW and all(map(self.none_of, self.space.parts()))

    def why_none(self) -> str:
        """Why nothing more is tried, in words."""
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
    """How many settings a space holds, in words; "" where they are without end.

    What the conditions leave is counted where the settings are few.
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
