"""Events of a study as it runs; progress, tracking and reports listen to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tuner.search.trials import Curves, Outcome, Trial, TrialResult
from tuner.study.results import Confirmation, StudyResult


@dataclass(frozen=True)
class Began:
    """A command takes the study up; results: of earlier commands."""

    results: Sequence[TrialResult]


@dataclass(frozen=True)
class Abandoned:
    """Trials that were under way will not be trained, for the ranges are others now."""

    numbers: Sequence[int]


@dataclass(frozen=True)
class Asked:
    """The trials of a cohort are on record and begin to train."""

    trials: Sequence[Trial]


@dataclass(frozen=True)
class EpochEnded:
    """A cohort has trained an epoch, or, at epoch 0, is about to train the first.

    Attributes:
        epochs: the full length.
        running: trials that go on.
        pruned, diverged, failed: trials of the cohort that have left.
        best: the lowest value of those that go on, as it is minimised; None where none is finite.
        curves: gives the curves so far of those that go on, by number, as the record keeps them;
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
        """Trials of the cohort that have left, however they did."""
        return self.pruned + self.diverged + self.failed


@dataclass(frozen=True)
class TrialsEnded:
    """Trials of a cohort have ended; they go on record when all listeners have heard of it.

    Attributes:
        again: whether they are trained again instead, for all training was stopped.
    """

    outcomes: Sequence[Outcome]
    again: bool = False


@dataclass(frozen=True)
class CohortEnded:
    """What ended is on record; results: of all trials so far."""

    results: Sequence[TrialResult]


@dataclass(frozen=True)
class StageBegan:
    """Something else than cohorts begins; what: in words."""

    what: str


@dataclass(frozen=True)
class StageEpochEnded:
    """Of the stage that began last, so many epochs are trained."""

    epoch: int
    epochs: int


@dataclass(frozen=True)
class Confirmed:
    """The best trials were trained on fresh seeds.

    Attributes:
        curves: by number, the mean over the seeds of what is minimised, one number an epoch, of
            the trials that diverged on none.
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
    """One listener in the place of several, which hear each event in their order."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell


def after_each_cohort(call: Callable[[], None]) -> Listener:
    """What calls a function when a cohort has ended, and at the beginning if earlier ones have."""

    def listen(event: Event) -> None:
        if isinstance(event, CohortEnded) or (isinstance(event, Began) and event.results):
            call()

    return listen
