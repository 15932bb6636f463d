"""Training: the interface that makes runners for trials."""

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
    """Makes runners for trials."""

    @property
    def goal(self) -> Goal:
        """The study's goal."""

    @property
    def epochs(self) -> int:
        """The full length of a trial."""

    @property
    def has_seeds(self) -> bool:
        """Whether results depend on the seed."""

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> Sequence[Runner]:
        """Runners for these trials, all at their beginning.

        Args:
            trials: trials in the order of their numbers.
            seeds: the seeds of each trial, by number; None for the study's own seed.
        """


class StudyTraining(Training, Protocol):
    """The training of a whole study: populations of tuner's models, or a user function.

    It is a context manager, because it holds threads or processes.

    Attributes:
        data: the study's data; None if tuner reads none.
        threads: the number of threads that train.
        stop: set to interrupt the training.
    """

    data: "DataSet | None"
    threads: int
    stop: Event

    def __enter__(self) -> Self:
        """Enters the context; threads and processes start only when needed."""

    def __exit__(self, *error: object) -> None:
        """Ends the threads and processes."""

    @property
    def unit(self) -> str:
        """The unit of the loss."""

    @property
    def folds(self) -> int:
        """The number of folds."""


def trained(
    training: Training,
    trials: Sequence[Trial],
    seeds: Mapping[int, Sequence[int]],
    checkpoints: Checkpoints | None = None,
    key: str = "",
    tell: Listener = nobody,
    again: Mapping[int, TrialResult] | None = None,
) -> list[Outcome]:
    """Trains trials on these seeds, each to its end unless it diverges.

    Args:
        training: makes the runners.
        trials: trials in the order of their numbers.
        seeds: the seeds of each trial, by number.
        checkpoints: save what is running.
        key: distinguishes this training from all others of the study.
        tell: receives an event per epoch.
        again: by number, the study's trials that these repeat. Each is trained to the epoch at
            which that trial's value was taken and is judged there: a repeat must not choose its
            epoch anew.

    Raises:
        Interrupted: what is in no checkpoint is lost.
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
