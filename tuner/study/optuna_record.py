"""The base of records that are Optuna studies, in a file or in a database."""

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

# What Optuna may raise for an invalid study.
BROKEN = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)

# The largest plausible cohort: proposing this many trials one by one takes hours.
LARGEST_COHORT = 1_000_000


class OptunaRecord(Record):
    """A record that holds an Optuna study once it is entered.

    Args:
        where: the location of the record, as shown in messages.
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
        """The recorded attributes of the study, by name."""
        return self._study.user_attrs

    @abstractmethod
    def keep(self, trial_id: int, result: Plain, curves: Curves) -> None:
        """Stores a running trial's result and curves, before Optuna is told."""

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
    """Refuses invalid bounds of cohorts.

    Args:
        where: the location of the record, as shown in messages.
        bounds: the recorded bounds; None if there are none yet.

    Raises:
        UserError: if a cohort begins after the end of the one before it, or has a negative or
            implausible size.
    """
    reached = 0
    for start, stop in bounds or []:
        if not 0 <= start <= reached or not 0 <= stop - start <= LARGEST_COHORT:
            raise UserError(
                f"{where}: its cohorts were not written by tuner ({start} to {stop}): move it "
                "away, or give another study.name"
            )
        reached = stop
