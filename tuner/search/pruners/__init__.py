"""Pruners: which trials of a cohort go on at a rung; one file each, found by name.

A pruner makes a rule for each cohort. All trials keep the schedule of their full length and rungs
lie at shares of it, so what is compared at a rung is comparable.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from tuner import discovery
from tuner.errors import UserError

if TYPE_CHECKING:
    from tuner.search.trials import TrialResult


class Rule(Protocol):
    """Who goes on in one cohort."""

    def rungs(self, epochs: int) -> list[int]:
        """Epochs after which trials are compared, all before the last one."""

    def survivors(self, epoch: int, values: Mapping[int, float], entered: int) -> set[int]:
        """Numbers of the trials that go on after the rung of this epoch.

        Args:
            epoch: one of `rungs`.
            values: current values (lower is better) by trial number.
            entered: how many trials there were after the rung before, those that left since
                included.
        """

    def why(self, survivors: int) -> str:
        """Why a trial was pruned where so many go on."""


class Pruner(ABC):
    """A rule for every cohort of a study.

    A subclass is a frozen dataclass, the only one in its file: its fields, with their types and
    defaults, are its settings, but for those that its constructor does not take.
    """

    # So many trials a cohort must have.
    fewest: ClassVar[int] = 1

    @property
    def name(self) -> str:
        """That of its file, as in `pruner=<name>`."""
        return type(self).__module__.rpartition(".")[2]

    def check(self, cohort: int) -> None:
        """Refuses cohorts of so many trials, or settings, with which it cannot work.

        Raises:
            UserError: says what to give.
        """
        if cohort < self.fewest:
            raise UserError(
                f"study.cohort: {cohort}: {self.name} compares the trials of a cohort: "
                f"give {self.fewest} or more, or pruner=none"
            )

    def of(self, study: str) -> Self:
        """The pruner as it begins a study of this name: it has learned nothing yet."""
        return self

    def size(self, cohort: int, most: int) -> int:
        """How many trials the cohort of this index (from 0) has, `most` at the most."""
        return most

    @abstractmethod
    def rule(self, cohort: int) -> Rule:
        """The rule of the cohort of this index."""

    # A pruner need not learn.
    def learn(self, results: Sequence["TrialResult"]) -> None:  # noqa: B027
        """Hears how the trials of a cohort ended, cohort by cohort."""


def names() -> list[str]:
    """Names of all pruners."""
    return discovery.names(__name__)


def load(name: str) -> type[Pruner]:
    """The class of the pruner of that name, which takes its settings.

    Raises:
        KeyError: if there is none.
    """
    found: type[Pruner] = discovery.load_class(__name__, name, Pruner)
    return found
