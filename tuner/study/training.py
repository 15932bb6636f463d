"""What a study trains: it makes runners for trials, whatever these are."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tuner.search.pruners.none import NoPruning
from tuner.search.racing import Race
from tuner.search.runner import Runner
from tuner.search.trials import Goal, Outcome, Trial


class Training(Protocol):
    """Makes runners of trials."""

    @property
    def goal(self) -> Goal:
        """What is minimised."""

    @property
    def epochs(self) -> int:
        """The full length of a trial."""

    @property
    def has_seeds(self) -> bool:
        """Whether a trial ends otherwise under another seed."""

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> Sequence[Runner]:
        """What trains these trials, all from their beginning.

        Args:
            trials: in the order of their numbers.
            seeds: of each trial by its number; None is the study's own seed for all.
        """


def trained(
    training: Training, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]]
) -> list[Outcome]:
    """How trials end under these seeds, each trained to its end unless it diverges.

    Raises:
        Interrupted: which loses what was under way.
    """
    runners = training.runners(trials, seeds)
    return Race(trials, runners, NoPruning(), training.epochs, training.goal).run()
