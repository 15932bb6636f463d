"""A PostgreSQL database of study records: connections, ownership, reading and errors.

Its tables are Optuna's own (`optuna.storages.RDBStorage`), which Optuna's tools can read, and one
table of tuner's. The connection that writes owns the study by an advisory lock. PostgreSQL frees
the lock when the connection ends, however it ends, and a process that lost it can write no more.
"""

import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tuner.codec import from_json
from tuner.config.schema import Plain
from tuner.errors import BusyError, CrashError, UserError, masked
from tuner.search.trials import Curves, TrialResult

if TYPE_CHECKING:
    from psycopg import Connection

# Timeouts for a server that does not answer; the user's address may override them.
PATIENCE = {
    "connect_timeout": "10",  # seconds
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # milliseconds
}

# Session settings: how long to wait for a table that another program locks, and no idle timeout,
# because a session idles while a cohort trains (PostgreSQL has that timeout since version 14).
LOCK_TIMEOUT, RESTING, SINCE = "SET lock_timeout = '60s'", "SET idle_session_timeout = 0", 140_000

# tuner's own table: the result and the curves of each ended trial, as JSON. The two are separate
# columns so that results can be read without curves.
TABLE = "tuner_results"
CREATE = f"""
    CREATE TABLE IF NOT EXISTS {TABLE} (
        trial_id integer PRIMARY KEY REFERENCES trials ON DELETE CASCADE,
        result text NOT NULL,
        curves text NOT NULL
    )"""

# How many trials' curves are read at once.
PAGE = 100

# The session name of a study's owner; PostgreSQL truncates it to 63 bytes.
OWNER = re.compile(r"tuner (\d+)@(.*) (\d+)")
HOST = 36

# The table in which Optuna, like MLflow and others, keeps its schema version.
VERSION = "alembic_version"

SOMEBODY = "another process holds it"


@contextmanager
def in_one_line(uri: str, kind: type[UserError] = UserError, said: str = "") -> Iterator[None]:
    """Turns database errors, and an unreachable database, into one-line errors.

    Args:
        uri: the address of the database.
        kind: the type of error to raise.
        said: text to append to the database's message: what happened, and what to do.

    Raises:
        UserError: of that type.
    """
    try:
        yield
    except Exception as error:
        refused = _refused(error)
        if refused is None:
            raise
        words = " ".join(str(refused).split()) or type(refused).__name__
        raise kind(f"study.storage: {masked(uri)}: {words}{said}") from None


def _refused(error: BaseException | None) -> Exception | None:
    """The psycopg error at the bottom of an exception; None if there is none."""
    from psycopg import Error

    while error is not None and not isinstance(error, Error):
        error = getattr(error, "orig", None) or error.__cause__
    return error


def connected(uri: str, name: str = "tuner") -> "Connection[Any]":
    """Opens a psycopg connection; libpq fills what the address leaves out from the environment.

    Args:
        uri: the address in libpq's form: `postgresql://user@host:5432/database`.
        name: the name of the session.

    Raises:
        UserError: if no server answers, or the database refuses the connection.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    with in_one_line(uri, said=": start the server, or correct the address"):
        given: Plain = conninfo_to_dict(uri)
        usual = {k: v for k, v in PATIENCE.items() if f"PG{k.upper()}" not in os.environ}
        whole = make_conninfo(**{**usual, **given, "application_name": name})
        connection = psycopg.connect(whole)
        try:
            connection.execute(LOCK_TIMEOUT)
            if connection.info.server_version >= SINCE:
                connection.execute(RESTING)
            connection.commit()
        except BaseException:
            connection.close()
            raise
    return connection


def session_name() -> str:
    """The session name: it tells other processes which one owns a study, and since when."""
    host = re.sub(r"[^\w.-]", "?", socket.gethostname(), flags=re.ASCII)[:HOST]
    return f"tuner {os.getpid()}@{host} {int(time.time())}"


class Database:
    """Reads and writes records through a connection, one transaction per call.

    Args:
        uri: the address of the database.
        connection: a connection to it.
    """

    def __init__(self, uri: str, connection: "Connection[Any]") -> None:
        self.uri, self.connection = uri, connection

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Runs one statement in its own transaction and returns its rows."""
        with self.connection.transaction():
            cursor = self.connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def there(self, tables: Sequence[str]) -> set[str]:
        """Which of these tables exist."""
        found = self.rows(
            "SELECT t FROM unnest(%s::text[]) t WHERE to_regclass(t) IS NOT NULL", [*tables]
        )
        return {str(name) for (name,) in found}

    def check_tables(self) -> bool:
        """Whether the tables of studies exist: True for all of them, False for none.

        Raises:
            UserError: if some are missing, or belong to another program.
        """
        from optuna.storages._rdb.models import BaseModel

        tables = [*BaseModel.metadata.tables]
        found, own = self.there([*tables, VERSION]), "version_info"
        lost = sorted({*tables} - found)
        where = f"study.storage: {masked(self.uri)}"
        if own in found and lost:
            raise UserError(
                f"{where}: its table {lost[0]} is lost: restore it from a backup, or give another "
                "database"
            )
        if lost and found:
            raise UserError(
                f"{where}: has a table {min(found)} that is another program's: give a database, "
                "or a schema, of its own"
            )
        return not lost

    def study_id(self, name: str) -> int | None:
        """The id of the study with this name; None if there is none."""
        if not self.check_tables():
            return None
        found = self.rows("SELECT study_id FROM studies WHERE study_name = %s", name)
        return found[0][0] if found else None

    def known(self, name: str) -> int:
        """The id of the study with this name.

        Raises:
            FileNotFoundError: if there is none.
        """
        found = self.study_id(name)
        if found is None:
            raise FileNotFoundError(f"study {name} is not in {masked(self.uri)}")
        return found

    def names(self) -> list[str]:
        """The names of the recorded studies, without those that only Optuna made."""
        if not self.check_tables() or not self.there([TABLE]):
            return []
        found = self.rows(
            "SELECT study_name FROM studies WHERE EXISTS (SELECT FROM study_user_attributes a "
            "WHERE a.study_id = studies.study_id AND key = 'key') ORDER BY study_name"
        )
        return [str(name) for (name,) in found]

    def attributes(self, study_id: int) -> Plain:
        """The recorded attributes of a study."""
        own = "SELECT key, value_json FROM study_user_attributes WHERE study_id = %s"
        return {key: json.loads(value) for key, value in self.rows(own, study_id)}

    def results(self, study_id: int) -> dict[int, TrialResult]:
        """The results of a study's trials, by number."""
        if not self.there([TABLE]):
            return {}
        own = (
            f"SELECT number, result FROM {TABLE} JOIN trials USING (trial_id) "
            "WHERE study_id = %s ORDER BY number"
        )
        return {n: from_json(TrialResult, json.loads(text)) for n, text in self.rows(own, study_id)}

    def curves(self, study_id: int, after: int = -1) -> Iterator[tuple[int, Curves]]:
        """The curves of the trials with numbers above `after`, read in pages."""
        own = (
            f"SELECT number, curves FROM {TABLE} JOIN trials USING (trial_id) "
            f"WHERE study_id = %s AND number > %s ORDER BY number LIMIT {PAGE}"
        )
        while page := self.rows(own, study_id, after):
            for number, text in page:
                yield number, json.loads(text)
            after = page[-1][0]

    def keep(self, trial_id: int, result: Plain, curves: Curves) -> None:
        """Stores the result and the curves of a trial, replacing earlier ones."""
        own = (
            f"INSERT INTO {TABLE} VALUES (%s, %s, %s) ON CONFLICT (trial_id) "
            "DO UPDATE SET (result, curves) = (EXCLUDED.result, EXCLUDED.curves)"
        )
        texts = json.dumps(result), json.dumps(curves, allow_nan=False)
        self.rows(own, trial_id, *texts)

    def take(self, name: str) -> None:
        """Takes the ownership of a study for the life of the connection.

        Raises:
            BusyError: if another process owns it.
        """
        ((taken,),) = self.rows("SELECT pg_try_advisory_lock(%s)", self.lock(name))
        if not taken:
            uri, owner = self.uri, self.owner(name) or SOMEBODY
            raise BusyError(
                f"study.name: {name}: is at work: {owner}, in {masked(uri)}",
                still=lambda: at_work(uri, name),
            )

    def owner(self, name: str) -> str:
        """The process that owns a study, in words; "" if none does."""
        found = self.rows(
            "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND (classid::bigint << 32) | objid::bigint = %s",
            self.lock(name),
        )
        if not found:
            return ""
        said = OWNER.fullmatch(str(found[0][0]))
        if said is None:
            return SOMEBODY
        since = datetime.fromtimestamp(int(said[3])).astimezone().isoformat(timespec="seconds")
        return f"process {said[1]} on {said[2]}, since {since}"

    def lock(self, name: str) -> int:
        """The key of the advisory lock of a study with this name in these tables."""
        ((table,),) = self.rows("SELECT coalesce(to_regclass('studies')::oid, 0)")
        digest = hashlib.sha256(f"tuner {table} {name}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def reading(uri: str) -> Iterator[Database]:
    """A connection for reading, open for the length of the block.

    Raises:
        UserError: in one line, for any error of the database.
    """
    with closing(connected(uri)) as connection, in_one_line(uri):
        yield Database(uri, connection)


def at_work(uri: str, name: str) -> str:
    """The process that owns a study, in words; "" if none does, or the server does not answer."""
    try:
        with reading(uri) as database:
            return database.owner(name)
    except UserError:
        return ""


def went_away(uri: str) -> CrashError:
    """The error for a lost connection, with which the ownership is lost as well."""
    return CrashError(f"study.storage: {masked(uri)}: the connection is lost{GOES_ON}")


# The end of every error message of a running study.
GOES_ON = "; the results so far are on record, and the same command continues"
