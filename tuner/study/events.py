"""Events of a study as it runs; progress, tracking and reports listen to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tuner.search.trials import Curves, Outcome, Trial, TrialResult
from tuner.study.results import Confirmation, StudyResult


@dataclass(frozen=True)
class Began:
    """A command starts or continues the study; results: those of earlier commands."""

    results: Sequence[TrialResult]


@dataclass(frozen=True)
class Abandoned:
    """Running trials of an earlier command are abandoned, because the ranges have changed."""

    numbers: Sequence[int]


@dataclass(frozen=True)
class Asked:
    """The trials of a cohort are recorded and begin to train."""

    trials: Sequence[Trial]


@dataclass(frozen=True)
class EpochEnded:
    """A cohort has trained an epoch, or, at epoch 0, is about to train its first.

    Attributes:
        epochs: the full length.
        running: the number of trials still running.
        pruned, diverged, failed: numbers of trials of the cohort that have left.
        best: the lowest objective of the running trials; None if none is finite.
        curves: returns the curves so far of the running trials, by number, in the record's form;
            slow for many trials.
    """

    epoch: int
    epochs: int
    running: int
    pruned: int
    diverged: int
    best: float | None
    curves: Callable[[], Mapping[int, Curves]]
    failed: int = 0

    @property
    def left(self) -> int:
        """The number of trials of the cohort that have left, for any reason."""
        return self.pruned + self.diverged + self.failed


@dataclass(frozen=True)
class TrialsEnded:
    """Trials of a cohort have ended; they are recorded after all listeners got this event.

    Attributes:
        again: whether they will be trained again instead of recorded, because all training stopped.
    """

    outcomes: Sequence[Outcome]
    again: bool = False


@dataclass(frozen=True)
class CohortEnded:
    """The ended trials are recorded; results: those of all trials so far."""

    results: Sequence[TrialResult]


@dataclass(frozen=True)
class StageBegan:
    """A stage other than a cohort begins; what: the stage, in words."""

    what: str


@dataclass(frozen=True)
class StageEpochEnded:
    """An epoch of the current stage has been trained."""

    epoch: int
    epochs: int


@dataclass(frozen=True)
class Confirmed:
    """The best trials were trained on fresh seeds.

    Attributes:
        curves: by number, the mean objective over the seeds, one per epoch, of the trials that lost
            no seed.
    """

    confirmation: Confirmation
    curves: Mapping[int, Sequence[float]]


@dataclass(frozen=True)
class Ended:
    """The study has its result, or was interrupted."""

    result: StudyResult


Event = (
    Began
    | Abandoned
    | Asked
    | EpochEnded
    | TrialsEnded
    | CohortEnded
    | StageBegan
    | StageEpochEnded
    | Confirmed
    | Ended
)
Listener = Callable[[Event], None]


def nobody(event: Event) -> None:
    """A listener that does nothing."""


def tell_all(listeners: Sequence[Listener]) -> Listener:
    """A listener that passes each event to several, in order."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell


def after_each_cohort(call: Callable[[], None]) -> Listener:
    """A listener that calls a function after each cohort, and at the start of a continued study."""

    def listen(event: Event) -> None:
        if isinstance(event, CohortEnded) or (isinstance(event, Began) and event.results):
            call()

    return listen
