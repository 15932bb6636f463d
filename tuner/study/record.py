"""The record of a study: its trials, attributes and curves, and its owner."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from tuner.search.trials import Curves, TrialResult

T = TypeVar("T")

# For each cohort, the number of its first trial, and one past the number of its last.
Bounds = list[tuple[int, int]]


@dataclass(frozen=True)
class TrialEnd:
    """The end of a trial, in the form that records take.

    Attributes:
        number: the trial's number.
        state: its Optuna state.
        value: the value for Optuna; None if it did not train to the end.
        reports: intermediate values by epoch.
        divergence: a constraint, violated above 0; None if it did not diverge.
        result, curves: what the record keeps.
    """

    number: int
    state: TrialState
    value: float | None
    reports: Mapping[int, float]
    divergence: float | None
    result: TrialResult
    curves: Curves

    def tell(self, study: optuna.Study) -> None:
        """Tells an Optuna study how the trial ended, unless it knows already."""
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
    """A crash-safe record of one study; within its context, one process owns it.

    Trials are numbered from 0 without gaps. What a method wrote is durable when it returns, within
    `together` when that block ends.
    """

    def __enter__(self) -> Self:
        """Takes the ownership of the study.

        Raises:
            BusyError: if another process owns the study.
        """

    def __exit__(self, *error: object) -> None:
        """Releases the ownership."""

    def together(self) -> AbstractContextManager[None]:
        """What is written in the block survives a kill at once, a loss of power at its end."""

    def trials(self) -> Sequence[FrozenTrial]:
        """Every trial as it was proposed, with its state, in the order of the numbers."""

    def ask(self, trial: FrozenTrial) -> None:
        """Records a running trial atomically."""

    def tell(self, end: TrialEnd) -> None:
        """Records how a trial ended, unless it is recorded already."""

    def give_up(self, number: int) -> None:
        """Marks a trial that will not be trained as failed, without a result."""

    def results(self) -> Mapping[int, TrialResult]:
        """The results of the ended trials, by number."""

    def curves(self) -> Iterator[tuple[int, Curves]]:
        """The numbers and the curves of the ended trials, one after another."""

    def get(self, key: str, kind: type[T]) -> T | None:
        """The attribute of that name, as a value of that type; None if there is none.

        Raises:
            UserError: if it has another type, which tuner never writes.
        """

    def put(self, key: str, value: Any) -> None:
        """Stores plain data as an attribute and replaces its former value."""

    def __contains__(self, key: str) -> bool:
        """Whether there is an attribute of that name."""
