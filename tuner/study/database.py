"""A PostgreSQL database that keeps records of studies: how it is reached, owned, read and refused.

Its tables are Optuna's own (`optuna.storages.RDBStorage`), which Optuna's tools read, and one of
tuner's beside them. A study is owned by the connection that writes: PostgreSQL frees the lock when
that ends, however it ends, and who lost it can write no more.
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

# How long it takes to see that nobody answers; the address that is given may say otherwise.
PATIENCE = {
    "connect_timeout": "10",  # seconds
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # milliseconds
}

# Of a session: what is waited for, in a table that another program locks; and that it may rest
# while a cohort is trained (PostgreSQL has that limit since 14).
LOCK_TIMEOUT, RESTING, SINCE = "SET lock_timeout = '60s'", "SET idle_session_timeout = 0", 140_000

# tuner's own table: of each trial that was told of, the result and its curves, as JSON. A result is
# read without its curves.
TABLE = "tuner_results"
CREATE = f"""
    CREATE TABLE IF NOT EXISTS {TABLE} (
        trial_id integer PRIMARY KEY REFERENCES trials ON DELETE CASCADE,
        result text NOT NULL,
        curves text NOT NULL
    )"""

# Trials whose curves are read at once.
PAGE = 100

# What the owner of a study is called among PostgreSQL's sessions, which cuts it at 63 bytes.
OWNER = re.compile(r"tuner (\d+)@(.*) (\d+)")
HOST = 36

# Where Optuna keeps which form its tables have, as MLflow and others do of theirs.
VERSION = "alembic_version"

SOMEBODY = "another process holds it"


@contextmanager
def in_one_line(uri: str, kind: type[UserError] = UserError, said: str = "") -> Iterator[None]:
    """Turns what a database refuses, or that it is away, into one line.

    Args:
        uri: of the database.
        kind: of error.
        said: what happened, and what to do, behind the database's own words.

    Raises:
        UserError: of that kind.
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
    """What psycopg raised, whoever has wrapped it."""
    from psycopg import Error

    while error is not None and not isinstance(error, Error):
        error = getattr(error, "orig", None) or error.__cause__
    return error


def connected(uri: str, name: str = "tuner") -> "Connection[Any]":
    """A connection, by psycopg; what the address leaves out libpq takes from the environment.

    Args:
        uri: as libpq has it: `postgresql://user@host:5432/database`.
        name: of the session.

    Raises:
        UserError: if nobody answers there, or the database takes nobody in.
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
    """What tells whoever comes second which process owns a study, and since when."""
    host = re.sub(r"[^\w.-]", "?", socket.gethostname(), flags=re.ASCII)[:HOST]
    return f"tuner {os.getpid()}@{host} {int(time.time())}"


class Database:
    """A connection, and what is read and written through it in one go.

    Args:
        uri: of the database.
        connection: to it.
    """

    def __init__(self, uri: str, connection: "Connection[Any]") -> None:
        self.uri, self.connection = uri, connection

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What one statement finds, in a transaction of its own."""
        with self.connection.transaction():
            cursor = self.connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def there(self, tables: Sequence[str]) -> set[str]:
        """Which of these tables there are."""
        found = self.rows(
            "SELECT t FROM unnest(%s::text[]) t WHERE to_regclass(t) IS NOT NULL", [*tables]
        )
        return {str(name) for (name,) in found}

    def check_tables(self) -> bool:
        """Whether the tables of studies are there: all of them, or none.

        Raises:
            UserError: if they are damaged, or another program's.
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
        """Which study bears that name; None where there is none."""
        if not self.check_tables():
            return None
        found = self.rows("SELECT study_id FROM studies WHERE study_name = %s", name)
        return found[0][0] if found else None

    def known(self, name: str) -> int:
        """Which study bears that name.

        Raises:
            FileNotFoundError: if none does.
        """
        found = self.study_id(name)
        if found is None:
            raise FileNotFoundError(f"study {name} is not in {masked(self.uri)}")
        return found

    def names(self) -> list[str]:
        """The studies that are on record, those that only Optuna knows left out."""
        if not self.check_tables() or not self.there([TABLE]):
            return []
        found = self.rows(
            "SELECT study_name FROM studies WHERE EXISTS (SELECT FROM study_user_attributes a "
            "WHERE a.study_id = studies.study_id AND key = 'key') ORDER BY study_name"
        )
        return [str(name) for (name,) in found]

    def attributes(self, study_id: int) -> Plain:
        """What is on record of a study beside its trials."""
        own = "SELECT key, value_json FROM study_user_attributes WHERE study_id = %s"
        return {key: json.loads(value) for key, value in self.rows(own, study_id)}

    def results(self, study_id: int) -> dict[int, TrialResult]:
        """How the trials of a study ended, by number."""
        if not self.there([TABLE]):
            return {}
        own = (
            f"SELECT number, result FROM {TABLE} JOIN trials USING (trial_id) "
            "WHERE study_id = %s ORDER BY number"
        )
        return {n: from_json(TrialResult, json.loads(text)) for n, text in self.rows(own, study_id)}

    def curves(self, study_id: int, after: int = -1) -> Iterator[tuple[int, Curves]]:
        """The curves of its trials, some at a time, from behind the one of that number on."""
        own = (
            f"SELECT number, curves FROM {TABLE} JOIN trials USING (trial_id) "
            f"WHERE study_id = %s AND number > %s ORDER BY number LIMIT {PAGE}"
        )
        while page := self.rows(own, study_id, after):
            for number, text in page:
                yield number, json.loads(text)
            after = page[-1][0]

    def keep(self, trial_id: int, result: Plain, curves: Curves) -> None:
        """Keeps how a trial ended, in place of what was kept of it."""
        own = (
            f"INSERT INTO {TABLE} VALUES (%s, %s, %s) ON CONFLICT (trial_id) "
            "DO UPDATE SET (result, curves) = (EXCLUDED.result, EXCLUDED.curves)"
        )
        texts = json.dumps(result), json.dumps(curves, allow_nan=False)
        self.rows(own, trial_id, *texts)

    def take(self, name: str) -> None:
        """Owns a study for as long as the connection lasts.

        Raises:
            BusyError: if another process does.
        """
        ((taken,),) = self.rows("SELECT pg_try_advisory_lock(%s)", self.lock(name))
        if not taken:
            uri, owner = self.uri, self.owner(name) or SOMEBODY
            raise BusyError(
                f"study.name: {name}: is at work: {owner}, in {masked(uri)}",
                still=lambda: at_work(uri, name),
            )

    def owner(self, name: str) -> str:
        """Which process owns a study, in words; "" if none does."""
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
        """The number of the lock on a study of that name in these tables."""
        ((table,),) = self.rows("SELECT coalesce(to_regclass('studies')::oid, 0)")
        digest = hashlib.sha256(f"tuner {table} {name}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def reading(uri: str) -> Iterator[Database]:
    """A connection to read by, for the length of the block.

    Raises:
        UserError: in one line, for all that keeps one from reading.
    """
    with closing(connected(uri)) as connection, in_one_line(uri):
        yield Database(uri, connection)


def at_work(uri: str, name: str) -> str:
    """Which process owns a study in a database, in words; "" if none does, or nobody answers."""
    try:
        with reading(uri) as database:
            return database.owner(name)
    except UserError:
        return ""


def went_away(uri: str) -> CrashError:
    """What to say where the connection of an owner is gone, and so is what it owned."""
    return CrashError(f"study.storage: {masked(uri)}: the connection is lost{GOES_ON}")


# What is behind every error of a study that is under way.
GOES_ON = "; the results so far are on record, and the same command continues"
