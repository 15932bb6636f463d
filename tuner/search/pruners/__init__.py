"""Pruners: they decide which trials of a cohort continue at a rung; one file each, found by name.

A pruner makes a rule for each cohort. All trials keep the schedule of their full length, and rungs
are at shares of it, so that values at a rung are comparable.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from tuner import discovery
from tuner.errors import UserError

if TYPE_CHECKING:
    from tuner.search.trials import TrialResult


class Rule(Protocol):
    """Decides which trials of one cohort continue."""

    def rungs(self, epochs: int) -> list[int]:
        """Epochs after which trials are compared, all before the last one."""

    def survivors(self, epoch: int, values: Mapping[int, float], entered: int) -> set[int]:
        """Numbers of the trials that continue after the rung at this epoch.

        Args:
            epoch: one of `rungs`.
            values: current values (lower is better) by trial number.
            entered: number of trials that passed the previous rung, including those that left
                since.
        """

    def why(self, survivors: int) -> str:
        """Why a trial was pruned, where `survivors` is the number of trials that continue."""


class Pruner(ABC):
    """Makes a rule for every cohort of a study.

    A subclass is a frozen dataclass, the only one in its file. Its fields, with their types and
    defaults, are its settings, except those that its constructor does not take.
    """

    # The least number of trials that a cohort must have.
    fewest: ClassVar[int] = 1

    @property
    def name(self) -> str:
        """The name of its file, as in `pruner=<name>`."""
        return type(self).__module__.rpartition(".")[2]

    def check(self, cohort: int) -> None:
        """Refuses a cohort size, or settings, with which it cannot work.

        Raises:
            UserError: the message says what to give.
        """
        if cohort < self.fewest:
            raise UserError(
                f"study.cohort: {cohort}: {self.name} compares the trials of a cohort: "
                f"give {self.fewest} or more, or pruner=none"
            )

    def of(self, study: str) -> Self:
        """A fresh pruner for a study of this name, which has learned nothing yet."""
        return self

    def size(self, cohort: int, most: int) -> int:
        """Number of trials in the cohort of this index (from 0), at most `most`."""
        return most

    @abstractmethod
    def rule(self, cohort: int) -> Rule:
        """The rule of the cohort of this index."""

    # Not abstract, because a pruner need not learn.
    def learn(self, results: Sequence["TrialResult"]) -> None:  # noqa: B027
        """Called after each cohort with the results of its trials."""


def names() -> list[str]:
    """Names of all pruners."""
    return discovery.names(__name__)


def load(name: str) -> type[Pruner]:
    """The class of the pruner of that name; its constructor takes the settings.

    Raises:
        KeyError: there is no such pruner.
    """
    found: type[Pruner] = discovery.load_class(__name__, name, Pruner)
    return found
