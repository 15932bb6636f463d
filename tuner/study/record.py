"""The record of a study: its trials, attributes and curves, and its owner."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from tuner.search.trials import Curves, TrialResult

T = TypeVar("T")

# Of each cohort: the number of its first trial, and one past that of its last.
Bounds = list[tuple[int, int]]


@dataclass(frozen=True)
class TrialEnd:
    """How a trial ended, as a record is told of it.

    Attributes:
        number: of the trial.
        state: as Optuna has them.
        value: that it is told with, None if it did not train to the end.
        reports: values by epoch.
        divergence: a constraint, violated above 0; None if it did not diverge.
        result, curves: what is kept of it.
    """

    number: int
    state: TrialState
    value: float | None
    reports: Mapping[int, float]
    divergence: float | None
    result: TrialResult
    curves: Curves

    def tell(self, study: optuna.Study) -> None:
        """Tells an Optuna study, unless that knows how the trial ended."""
        known = study.get_trials(deepcopy=False)[self.number]
        if known.state.is_finished():
            return
        trial = optuna.trial.Trial(study, known._trial_id)
        for epoch, value in self.reports.items():
            if epoch not in known.intermediate_values:
                trial.report(value, epoch)
        if self.divergence is not None and "divergence" not in known.constraints:
            trial.set_constraint("divergence", self.divergence)
        study.tell(self.number, self.value, self.state)


class Record(Protocol):
    """Keeps one study through kills; as a context it is owned by one process at a time.

    Trials are numbered from 0 without gaps. What a method wrote is safe when it returns, or when
    the block of `together` ends.
    """

    def __enter__(self) -> Self:
        """Takes the lease.

        Raises:
            BusyError: if another process owns the study.
        """

    def __exit__(self, *error: object) -> None:
        """Gives the lease back."""

    def together(self) -> AbstractContextManager[None]:
        """What is written in the block survives a kill at once, a loss of power at its end."""

    def trials(self) -> Sequence[FrozenTrial]:
        """Every trial as it was asked, with its state, in the order of the numbers."""

    def ask(self, trial: FrozenTrial) -> None:
        """Puts a running trial on record, all of it or nothing."""

    def tell(self, end: TrialEnd) -> None:
        """Records how a trial ended, unless that is on record."""

    def give_up(self, number: int) -> None:
        """Ends a trial that will not be trained, as failed and without a result."""

    def results(self) -> Mapping[int, TrialResult]:
        """How the trials ended that were told of, by number."""

    def curves(self) -> Iterator[tuple[int, Curves]]:
        """The curves of the trials that were told of, one after another, with their numbers."""

    def get(self, key: str, kind: type[T]) -> T | None:
        """The attribute of that name, as a value of that kind; None where there is none.

        Raises:
            UserError: if it is of another kind, which no study writes.
        """

    def put(self, key: str, value: Any) -> None:
        """Keeps plain data as an attribute, in place of what it was."""

    def __contains__(self, key: str) -> bool:
        """Whether there is an attribute of that name."""
