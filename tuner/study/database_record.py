"""The record in a PostgreSQL database: a study can move from one machine to another."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from tuner.codec import from_json
from tuner.config.schema import Plain
from tuner.errors import CrashError, UserError, masked
from tuner.processes.lock import owned
from tuner.search.trials import Curves, TrialResult
from tuner.study.axes import inward_trial, outward_trial
from tuner.study.database import (
    CREATE,
    GOES_ON,
    Database,
    connected,
    in_one_line,
    session_name,
    went_away,
)  # fmt: skip
from tuner.study.optuna_record import BROKEN, OptunaRecord, check_cohorts
from tuner.study.record import Bounds, TrialEnd
from tuner.study.study import COUNTED

# The key of the advisory lock held while making tables: an arbitrary number, shared by all.
MAKING = 7_526_411_283_028_599


class DatabaseRecord(OptunaRecord):
    """The record in a database; it also locks the study's folder, which is made if needed.

    One connection holds the lock on the study and does all the writing. A process that loses the
    connection has lost the study and can write nothing more.

    Args:
        folder: the folder of the study.
        name: the name of the study.
        uri: the address of the database.
    """

    def __init__(self, folder: Path, name: str, uri: str) -> None:
        super().__init__(f"study.storage: {masked(uri)}: study {name}")
        self.folder, self.name, self.uri = folder, name, uri

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            connection = stack.enter_context(closing(connected(self.uri, session_name())))
            with in_one_line(self.uri):
                self.database = Database(self.uri, connection)
                self.database.check_tables()
                stack.enter_context(owned(self.folder))
                self._open(connection)
            self._lease = stack.pop_all()
        return self

    def _open(self, connection: Any) -> None:
        """Takes the ownership of the study; makes the tables if needed."""
        make = "SELECT pg_advisory_{}lock(%s)"
        self.database.rows(make.format(""), MAKING)
        try:
            self._storage = _Storage(self.uri, connection)
            self.database.rows(CREATE)
            self.database.take(self.name)
            self.database.rows(make.format("un"), MAKING)
            self._study = _study(self._storage, self.name)
            self._own = self._study.user_attrs
            self._trials = [*map(inward_trial, self._study.get_trials(deepcopy=False))]
            self._results = self.database.results(self._study._study_id)
            self._check()
        except (*BROKEN, RuntimeError) as error:
            said = " ".join(str(error).split())
            raise UserError(
                f"{self.where}: is not a record of this version ({said}): give another study.name"
            ) from None
        check_cohorts(self.where, self.get("cohorts", Bounds))

    def _check(self) -> None:
        """Refuses trials that tuner did not make, and ended trials whose result is lost.

        Raises:
            ValueError: for the first such trial.
        """
        for trial in self._trials:
            if "cohorts" not in self._own:
                raise ValueError("its trials belong to no cohort")
            if trial.state in COUNTED and trial.number not in self._results:
                raise ValueError(f"the result of trial {trial.number} is lost")

    @property
    def attributes(self) -> Plain:
        return self._own

    def keep(self, trial_id: int, result: Plain, curves: Curves) -> None:
        self.database.keep(trial_id, result, curves)
        own = from_json(TrialResult, result)
        self._results[own.number] = own

    def trials(self) -> Sequence[FrozenTrial]:
        return self._trials

    def ask(self, trial: FrozenTrial) -> None:
        with self._writing():
            storage, study_id = self._study._storage, self._study._study_id
            self._look(storage.create_new_trial(study_id, outward_trial(trial)))

    def tell(self, end: TrialEnd) -> None:
        with self._writing():
            super().tell(end)
            self._look(self._trials[end.number]._trial_id)

    def give_up(self, number: int) -> None:
        with self._writing():
            super().give_up(number)
            self._look(self._trials[number]._trial_id)

    def _look(self, trial_id: int) -> None:
        """Reads a trial again from the database."""
        known = inward_trial(self._storage.get_trial(trial_id))
        self._trials[known.number : known.number + 1] = [known]

    def curves(self) -> Iterator[tuple[int, Curves]]:
        with self._writing():
            yield from self.database.curves(self._study._study_id)

    def put(self, key: str, value: Any) -> None:
        with self._writing():
            super().put(key, value)
        self._own = {**self._own, key: json.loads(json.dumps(value))}

    def _writing(self) -> Any:
        return in_one_line(self.uri, CrashError, GOES_ON)


def delete(database: Database, name: str) -> None:
    """Deletes everything recorded of a study that this process owns, if there is anything."""
    study_id = database.study_id(name)
    if study_id is not None:
        _Storage(database.uri, database.connection).delete_study(study_id)


class _Storage(RDBStorage):
    """Optuna's storage on the one connection that owns the study.

    Args:
        uri: the address of the database.
        connection: the connection to use; no other one is ever made.
    """

    def __init__(self, uri: str, connection: Any) -> None:
        from sqlalchemy.pool import StaticPool

        waiting = [connection]

        def only_one() -> Any:
            if not waiting:
                raise went_away(uri)
            return waiting.pop()

        usual = {"creator": only_one, "poolclass": StaticPool}
        super().__init__("postgresql+psycopg://", usual)

    def _set_trial_param_without_commit(self, *given: Any) -> None:
        """As in Optuna, but without comparing choices with earlier trials': they may change."""
        session, trial_id, name, value, distribution, *_ = given
        super()._set_trial_param_without_commit(
            session, trial_id, name, value, distribution, distribution
        )


def _study(storage: RDBStorage, name: str) -> optuna.Study:
    """The Optuna study with this name; it is made if there is none."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Optuna's sampler is unused: tuner.search.samplers proposes.
    sampler = optuna.samplers.RandomSampler(seed=0)
    return optuna.create_study(
        study_name=name, storage=storage, sampler=sampler, load_if_exists=True
    )
