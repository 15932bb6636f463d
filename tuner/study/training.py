"""What a study trains: it makes runners for trials."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Protocol, Self

from tuner.search.pruners.none import NoPruning
from tuner.search.racing import Race
from tuner.search.runner import Runner
from tuner.search.trials import Goal, Outcome, Trial, TrialResult
from tuner.study.checkpoints import Checkpoints
from tuner.study.events import Listener, StageEpochEnded, nobody

if TYPE_CHECKING:
    from tuner.data import DataSet


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


class StudyTraining(Training, Protocol):
    """What a whole study trains: populations of tuner's models, or a user's function.

    A context, for what trains holds threads or processes.

    Attributes:
        data: of the study, None where tuner reads none.
        threads: that train.
        stop: interrupts the training.
    """

    data: "DataSet | None"
    threads: int
    stop: Event

    def __enter__(self) -> Self:
        """Nothing is held before it is needed."""

    def __exit__(self, *error: object) -> None:
        """Lets go of what is held."""

    @property
    def unit(self) -> str:
        """What the loss is measured in."""

    @property
    def folds(self) -> int:
        """How many folds take turns in judging a trial."""


def trained(
    training: Training,
    trials: Sequence[Trial],
    seeds: Mapping[int, Sequence[int]],
    checkpoints: Checkpoints | None = None,
    key: str = "",
    tell: Listener = nobody,
    again: Mapping[int, TrialResult] | None = None,
) -> list[Outcome]:
    """How trials end under these seeds, each trained to its end unless it diverges.

    Args:
        training: makes the runners.
        trials: in the order of their numbers.
        seeds: of each, by its number.
        checkpoints: keep what is under way.
        key: tells this training from all others of the study.
        tell: hears of each epoch, as of a stage.
        again: by their numbers, which trials of the study they are: each is trained to the epoch
            by which that one counts, and counts by it, for it must not choose again.

    Raises:
        Interrupted: which loses what is in no checkpoint.
    """

    def on_epoch(epoch: int, race: Race) -> None:
        tell(StageEpochEnded(epoch, race.epochs))
        if epoch and checkpoints is not None:
            checkpoints.after(race, key)

    def make() -> Race:
        runners = training.runners(trials, seeds)
        return Race(trials, runners, NoPruning(), training.epochs, goal, on_epoch, lengths=lengths)

    known = again or {}
    lengths = {n: own.stops_at for n, own in known.items() if own.stops_at is not None}
    goal = replace(training.goal, best_epoch=False) if known else training.goal
    race = make() if checkpoints is None else checkpoints.begin(make, key)
    return race.run()
