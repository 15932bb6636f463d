"""What all records share that are Optuna studies, in a file or a database."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from tuner.codec import from_json, to_json
from tuner.config.schema import Plain
from tuner.errors import UserError
from tuner.search.trials import Curves, TrialResult
from tuner.study.record import Bounds, Record, TrialEnd

T = TypeVar("T")

# What Optuna raises for a study that is none.
BROKEN = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)

# Trials of a cohort are asked one by one: so many take hours.
LARGEST_COHORT = 1_000_000


class OptunaRecord(Record):
    """A record that holds a study of Optuna's once it is entered.

    Args:
        where: it is kept, as messages say it.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._study: optuna.Study
        self._results: dict[int, TrialResult] = {}
        self._lease = ExitStack()

    def __exit__(self, *error: object) -> None:
        self._lease.close()

    @property
    def attributes(self) -> Plain:
        """What is on record beside the trials, by name."""
        return self._study.user_attrs

    @abstractmethod
    def keep(self, trial_id: int, result: Plain, curves: Curves) -> None:
        """Keeps how a running trial ended, before Optuna is told."""

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def trials(self) -> Sequence[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def ask(self, trial: FrozenTrial) -> None:
        self._study.add_trial(trial)

    def tell(self, end: TrialEnd) -> None:
        known = self.trials()[end.number]
        if not known.state.is_finished():
            self.keep(known._trial_id, to_json(end.result), end.curves)
            end.tell(self._study)

    def give_up(self, number: int) -> None:
        self._study.tell(number, state=TrialState.FAIL)

    def results(self) -> Mapping[int, TrialResult]:
        return self._results

    def get(self, key: str, kind: type[T]) -> T | None:
        plain = self.attributes.get(key)
        try:
            return None if plain is None else from_json(kind, plain)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{self.where}: its {key} was not written by tuner ({error}): move it away, or "
                "give another study.name"
            ) from None

    def put(self, key: str, value: Any) -> None:
        self._study.set_user_attr(key, value)

    def __contains__(self, key: str) -> bool:
        return key in self.attributes


def check_cohorts(where: str, bounds: Bounds | None) -> None:
    """Refuses bounds of cohorts that no study writes.

    Args:
        where: they are kept.
        bounds: what is there; None where there is nothing yet.

    Raises:
        UserError: if they are no pairs of numbers, each from where the one before ended.
    """
    reached = 0
    for start, stop in bounds or []:
        if not 0 <= start <= reached or not 0 <= stop - start <= LARGEST_COHORT:
            raise UserError(
                f"{where}: its cohorts were not written by tuner ({start} to {stop}): move it "
                "away, or give another study.name"
            )
        reached = stop
