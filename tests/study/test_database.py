"""Promises of a record in PostgreSQL: the same as a journal's, for one owner, through kills."""

import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from tests import postgresql
from tests.postgresql import Server
from tests.study.conftest import COHORT, FunctionTraining, Heard, loop_of, study_of
from tuner.errors import BusyError, CrashError, UserError
from tuner.study import database
from tuner.study.database_record import DatabaseRecord
from tuner.study.journal import SUMMARY, JournalRecord
from tuner.study.record import Record

TRIALS = 2 * COHORT


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql.running() as own:
        yield own


@pytest.fixture
def uri(server: Server) -> str:
    """Where a database is that holds nothing."""
    return server.create()


def ask(uri: str, sql: str) -> list[tuple[Any, ...]]:
    """What somebody else does in a database."""
    import psycopg

    with psycopg.connect(uri, autocommit=True) as connection:
        cursor = connection.execute(sql)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


@contextmanager
def optunas(uri: str) -> Iterator[optuna.storages.RDBStorage]:
    """A database as whoever uses Optuna opens it."""
    storage = optuna.storages.RDBStorage(uri.replace("://", "+psycopg://"))
    try:
        yield storage
    finally:
        storage.engine.dispose()


def run(record: Record, trials: int = TRIALS) -> None:
    """Tunes the function of these tests, or goes on with it."""
    loop_of(study_of(record), FunctionTraining(), Heard(), trials=trials).run()


def kept(record: Record) -> tuple[object, ...]:
    """All that a record says, but for times and what only a journal keeps with its trials."""
    trials = [
        (
            t.number,
            t.state,
            t.values,
            t.params,
            t.distributions,
            t.intermediate_values,
            {key: value for key, value in t.user_attrs.items() if key != SUMMARY},
            t.system_attrs,
        )
        for t in record.trials()
    ]
    return trials, dict(record.results()), dict(record.curves()), record.get("cohorts", list)


def end_connection(uri: str) -> None:
    """Ends the connections of all owners, as a cut network or an administrator would."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    ask(uri, ended + "WHERE application_name LIKE 'tuner %' AND datname = current_database()")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """What the journal of an undisturbed study says."""
    with JournalRecord(tmp_path_factory.mktemp("whole"), "own") as record:
        run(record)
        return kept(record)


def test_a_study_in_a_database_is_that_of_a_journal_to_the_last_digit(
    tmp_path: Path, uri: str, whole: tuple[object, ...]
) -> None:
    with DatabaseRecord(tmp_path, "own", uri) as record:
        run(record)
        assert kept(record) == whole
    with DatabaseRecord(tmp_path / "elsewhere", "own", uri) as record:
        assert kept(record) == whole


def test_values_are_kept_exactly_whatever_they_are(tmp_path: Path, uri: str) -> None:
    x = math.nextafter(0.1, 1)
    asked = optuna.trial.create_trial(
        state=TrialState.RUNNING,
        params={"1 - momentum": x, "hidden": '[64,"a"]', "lr": 5e-324},
        distributions={
            "1 - momentum": FloatDistribution(1e-3, 1.0, log=True),
            "hidden": CategoricalDistribution(['[64,"a"]', "null"]),
            "lr": FloatDistribution(0.0, 1.0),
        },
        user_attrs={"text": "\x00 é \ud7ff", "number": 1 / 3},
    )
    attributes = {"queue": [{"lr": 1e-300, "x": None}], "text": "'; DROP TABLE trials; --"}
    for own in ("own", "another"):
        with DatabaseRecord(tmp_path, own, uri) as record:
            record.ask(asked)
            record.put("cohorts", [(0, 1)])
            for key, value in attributes.items():
                record.put(key, value)
        with DatabaseRecord(tmp_path, own, uri) as record:
            (trial,) = record.trials()
            assert (trial.params, trial.distributions) == (asked.params, asked.distributions)
            assert trial.user_attrs == asked.user_attrs
            assert {key: record.get(key, object) for key in attributes} == attributes
    # As Optuna's own tools see it: under its path, in its unit.
    with optunas(uri) as storage:
        seen = optuna.load_study(study_name="own", storage=storage)
        assert seen.trials[0].params == {"momentum": 1 - x, "hidden": '[64,"a"]', "lr": 5e-324}


def test_choices_may_be_others_than_those_of_earlier_trials(tmp_path: Path, uri: str) -> None:
    with DatabaseRecord(tmp_path, "own", uri) as record:
        record.put("cohorts", [(0, 2)])
        for choices in (["16", "32"], ["16", "64"]):
            kind = CategoricalDistribution(choices)
            running = TrialState.RUNNING
            record.ask(
                optuna.trial.create_trial(
                    state=running, params={"size": choices[1]}, distributions={"size": kind}
                )
            )
        assert [trial.params for trial in record.trials()] == [{"size": "32"}, {"size": "64"}]


def test_a_second_owner_is_told_who_is_at_work_and_takes_over_when_that_one_ends(
    tmp_path: Path, uri: str
) -> None:
    first = DatabaseRecord(tmp_path / "here", "own", uri)
    with first, pytest.raises(BusyError) as busy:
        DatabaseRecord(tmp_path / "there", "own", uri).__enter__()
    line = str(busy.value)
    assert line.startswith(f"study.name: own: is at work: process {os.getpid()} on ")
    assert socket.gethostname()[: database.HOST] in line
    assert uri.partition("@")[2] in line
    assert not busy.value.still()
    with first:
        assert busy.value.still()
        with DatabaseRecord(tmp_path / "there", "another", uri):
            assert database.at_work(uri, "another")
    with DatabaseRecord(tmp_path / "there", "own", uri):
        assert busy.value.still()


def test_an_owner_that_lost_its_connection_can_write_nothing(tmp_path: Path, uri: str) -> None:
    def ends(record: Record) -> Iterator[Callable[[], object]]:
        yield lambda: record.put("note", "of the first")
        yield lambda: record.ask(record.trials()[0])
        yield lambda: record.give_up(0)
        yield lambda: dict(record.curves())
        yield lambda: run(record)

    with DatabaseRecord(tmp_path / "here", "own", uri) as first:
        study_of(first).cohort(1)
        end_connection(uri)
        # Nobody waits for the one that is gone.
        with DatabaseRecord(tmp_path / "there", "own", uri) as second:
            run(second)
            before = kept(second)
            began = time.monotonic()
            for write in ends(first):
                with pytest.raises(CrashError) as error:
                    write()
                assert "the same command continues" in str(error.value)
                assert len(error.value.args) == 1
            assert time.monotonic() - began < 60
            assert kept(second) == before
    with DatabaseRecord(tmp_path / "there", "own", uri) as record:
        assert kept(record) == before
        assert "note" not in record


def test_a_server_that_goes_away_costs_a_line_and_the_same_command_goes_on(
    tmp_path: Path, server: Server, uri: str, whole: tuple[object, ...]
) -> None:
    with DatabaseRecord(tmp_path, "own", uri) as record:
        run(record, COHORT)
        server.stop()
        with pytest.raises(CrashError, match=r"^study\.storage: postgresql://\*\*\*@127"):
            run(record)
    try:
        with pytest.raises(UserError, match="refused") as away:
            DatabaseRecord(tmp_path / "new", "own", uri).__enter__()
        assert away.value.exit_code == 2
        assert not (tmp_path / "new").exists()
    finally:
        server.start()
    with DatabaseRecord(tmp_path, "own", uri) as record:
        run(record)
        assert kept(record) == whole


class Killed(BaseException):
    """In place of a kill."""


def test_wherever_a_process_is_killed_the_study_ends_as_if_it_had_not_been(
    tmp_path: Path, uri: str, whole: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    execute, rng, left = psycopg.Cursor.execute, np.random.default_rng(0), [0]

    def killed(self: Any, *given: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return execute(self, *given, **more)

    kills = 0
    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", killed)
        for _ in range(9):
            left[0] = int(rng.integers(1, 220))
            try:
                with DatabaseRecord(tmp_path, "own", uri) as record:
                    run(record)
            except Killed:
                kills += 1
    assert kills > 3
    with DatabaseRecord(tmp_path, "own", uri) as record:
        run(record)
        assert kept(record) == whole


DAMAGE = {
    "a table of trials lost": ("DROP TABLE trial_values", "trial_values is lost"),
    "results lost": ("DELETE FROM tuner_results WHERE trial_id = 2", "result of trial 1 is lost"),
    "all results lost": ("DROP TABLE tuner_results", "is lost"),
    "an attribute cut": (
        "UPDATE study_user_attributes SET value_json = '[[0'",
        "study own: is not a record of this version",
    ),
    "cohorts that none writes": (
        "UPDATE study_user_attributes SET value_json = '[[3, 900000000]]' WHERE key = 'cohorts'",
        "cohorts were not written by tuner",
    ),
    "a result cut": ("UPDATE tuner_results SET result = '{'", "is not a record of this version"),
    "a result of something else": (
        "UPDATE tuner_results SET result = '{}'",
        "not a record of this version",
    ),
    "a version to come": ("UPDATE alembic_version SET version_num = 'v99'", "no longer compatible"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_refused_in_a_line_and_left_as_it_is(
    tmp_path: Path, uri: str, damage: str
) -> None:
    with DatabaseRecord(tmp_path, "own", uri) as record:
        run(record, COHORT)
    sql, said = DAMAGE[damage]
    ask(uri, sql)
    with pytest.raises(UserError, match=said) as error:
        DatabaseRecord(tmp_path, "own", uri).__enter__()
    assert error.value.exit_code == 2
    assert len(error.value.args) == 1
    assert str(error.value).startswith("study.storage: postgresql://***@")
    assert not database.at_work(uri, "own")


FOREIGN = {
    "a table of that name": "CREATE TABLE trials (id integer)",
    "another program's versions, as MLflow's": "CREATE TABLE alembic_version (version_num text)",
}


@pytest.mark.parametrize("tables", FOREIGN)
def test_a_database_of_another_program_is_refused_and_left_alone(
    tmp_path: Path, uri: str, tables: str
) -> None:
    everything = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    ask(uri, FOREIGN[tables])
    before = ask(uri, everything)
    with pytest.raises(UserError, match="another program's: give a database, or a schema"):
        DatabaseRecord(tmp_path / "new", "own", uri).__enter__()
    assert ask(uri, everything) == before
    assert not (tmp_path / "new").exists()


def test_a_study_that_tuner_has_not_written_is_refused(tmp_path: Path, uri: str) -> None:
    with optunas(uri) as storage:
        theirs = optuna.create_study(study_name="own", storage=storage)
        theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(UserError, match="its trials belong to no cohort"):
        DatabaseRecord(tmp_path, "own", uri).__enter__()
    with database.reading(uri) as found:
        assert found.names() == []


def test_a_schema_of_its_own_makes_a_study_of_that_name_another_one(
    tmp_path: Path, uri: str
) -> None:
    ask(uri, "CREATE SCHEMA second")
    other = f"{uri}?options=-csearch_path%3Dsecond"
    with DatabaseRecord(tmp_path / "1", "own", uri) as record:
        record.put("note", 1)
        with DatabaseRecord(tmp_path / "2", "own", other) as second:
            assert "note" not in second


def test_a_user_who_may_not_write_is_told_so_in_a_line(
    tmp_path: Path, server: Server, uri: str
) -> None:
    ask(uri, f"CREATE ROLE guest{server.made} LOGIN PASSWORD 'secret'")
    guest = f"postgresql://guest{server.made}:secret@{uri.partition('@')[2]}"
    with pytest.raises(UserError, match="permission denied") as error:
        DatabaseRecord(tmp_path, "own", guest).__enter__()
    assert "secret" not in str(error.value)
    with pytest.raises(UserError, match="authentication failed"):
        DatabaseRecord(tmp_path, "own", guest.replace("secret", "wrong")).__enter__()


def test_times_are_the_same_instants_in_another_time_zone(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def instants() -> list[list[float | None]]:
        with DatabaseRecord(tmp_path, "own", uri) as record:
            run(record, COHORT)
            own = [(t.datetime_start, t.datetime_complete) for t in record.trials()]
        return [[None if time is None else time.timestamp() for time in two] for two in own]

    first = instants()
    try:
        for zone in ("America/Anchorage", "Asia/Kolkata"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            assert instants() == first
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_name_of_an_owner_fits_whatever_its_host_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for host in ("h" * 64, "söme höst", "", "a b@c 12"):
        monkeypatch.setattr(socket, "gethostname", lambda own=host: own)
        name = database.session_name()
        assert len(name.encode()) < 64
        assert database.OWNER.fullmatch(name)


def test_a_connection_looks_whether_the_other_end_is_there(uri: str) -> None:
    with database.reading(uri) as found:
        own = found.connection.info.get_parameters()
        assert {**own, **database.PATIENCE} == own
    with database.reading(f"{uri}?keepalives_idle=7") as found:
        assert found.connection.info.get_parameters()["keepalives_idle"] == "7"


def test_a_deleted_study_leaves_the_others(tmp_path: Path, uri: str) -> None:
    from tuner.study.places import DatabasePlace

    for name in ("own", "another"):
        with DatabaseRecord(tmp_path / name, name, uri) as record:
            record.put("key", name)
            run(record, COHORT)
    place = DatabasePlace(tmp_path / "own", uri)
    with place.owned() as forget:
        forget()
        with pytest.raises(BusyError):
            DatabaseRecord(tmp_path / "second", "own", uri).__enter__()
    assert not place.exists()
    with DatabaseRecord(tmp_path / "another", "another", uri) as record:
        assert len(record.results()) == COHORT
    assert ask(uri, "SELECT count(*) FROM tuner_results") == [(COHORT,)]
