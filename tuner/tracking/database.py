"""MLflow's database on this machine: created, replaced if damaged, mended and read by SQL."""

import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

from filelock import FileLock

from tuner.errors import UserError

NAME = "mlflow.db"  # the database's name in a root

DAMAGED = ".damaged"  # added to the name of a damaged database

# Columns in which MLflow stores the paths of logged models and of registered versions.
KEPT_MODELS = (
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)

# The trials of the study with a given key.
SEEN = """
SELECT trial.value FROM tags AS study JOIN tags AS trial ON study.run_uuid = trial.run_uuid
WHERE study.key = 'tuner.key' AND study.value = ? AND trial.key = 'tuner.trial'
"""


def path_of(uri: str) -> Path | None:
    """The file that an SQLite URI names; None for other URIs."""
    inside = uri.removeprefix("sqlite:///")
    if inside == uri:
        return None
    return Path(unquote(inside.partition("?")[0]))


def create(database: Path, client_of: Callable[[str], Any]) -> None:
    """Creates the database under a lock and a temporary name, so that nobody sees it unfinished."""
    if database.exists():
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(database.with_suffix(".lock")):
        if database.exists():
            return
        unfinished = database.with_suffix(".new")
        for left in (unfinished, database):
            _remove(left)
        # MLflow runs all its migrations on a new database, which takes 2 s. An empty database is
        # therefore cached beside the files that Python and numba compile.
        empty = Path(__file__).with_name("__pycache__") / f"mlflow-{version('mlflow')}.db"
        if empty.exists() and not damage(empty):
            shutil.copyfile(empty, unfinished)
        else:
            client_of(f"sqlite:///{unfinished}").search_experiments(max_results=1)
            with suppress(OSError):
                _keep(unfinished, empty)
        unfinished.replace(database)


def _remove(database: Path) -> None:
    """Removes a database and its SQLite journals: beside a new database of the same name, the
    recovery of an interrupted transaction would damage the new one."""
    for behind in ("", "-journal", "-wal", "-shm"):
        database.with_name(f"{database.name}{behind}").unlink(missing_ok=True)


def _keep(database: Path, empty: Path) -> None:
    """Caches a new database without the default experiment, whose artifacts go to this folder."""
    empty.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=empty.parent) as scratch:
        copy = Path(scratch, empty.name)
        shutil.copyfile(database, copy)
        with closing(sqlite3.connect(copy)) as connection, connection:
            connection.execute("DELETE FROM experiments")
        copy.replace(empty)


def damage(database: Path) -> str:
    """What is wrong with an existing database, or "": checks its tables and its pages."""
    try:
        with opened(database) as connection:
            connection.execute("SELECT version_num FROM alembic_version").fetchall()
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            return "" if found == "ok" else "its pages contradict each other"
    except sqlite3.OperationalError as error:  # a locked or unreachable file may be sound
        return "it holds no tables of MLflow" if "no such table" in str(error) else ""
    except sqlite3.DatabaseError as error:
        return str(error)


def opened(database: Path) -> "closing[sqlite3.Connection]":
    """A connection to an existing file, which rolls back a transaction that a kill interrupted."""
    return closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True))


def set_aside_damaged(database: Path) -> str:
    """Renames the database if it is damaged.

    Returns:
        A message about it, or "".

    Raises:
        UserError: if the path is not a file, or not an SQLite database.
    """
    if not database.exists():
        return ""
    if not database.is_file():
        raise UserError(f"{database}: is not a file: move it away")
    if database.name != NAME and database.stat().st_size and not _is_sqlite(database):
        raise UserError(f"tracking.uri: {database}: is not an SQLite database")
    with FileLock(database.with_suffix(".lock")):
        wrong = damage(database)
        if not wrong:
            return ""
        aside = database.with_name(f"{database.name}{DAMAGED}")
        database.replace(aside)
        _remove(database)
    return f"{database} is damaged ({wrong}): it is now {aside.name}, and a new one is made"


def _is_sqlite(database: Path) -> bool:
    with database.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def keep_within(database: Path, project: str, artifacts: str) -> None:
    """Makes the database keep the artifacts of a project's runs under this root.

    After a root was moved or copied, its database would still name the former place or a server.

    Args:
        database: the root's database.
        project: the name of MLflow's experiment.
        artifacts: the new location, in MLflow's notation.
    """
    with opened(database) as connection, connection:
        found = connection.execute(
            "SELECT experiment_id, artifact_location FROM experiments WHERE name = ?", [project]
        ).fetchone()
        if found is None or found[1] == artifacts:
            return
        connection.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
            [artifacts, found[0]],
        )
        connection.execute(
            "UPDATE runs SET artifact_uri = ? || '/' || run_uuid || '/artifacts' "
            "WHERE experiment_id = ?",
            [artifacts, found[0]],
        )
        old = found[1]
        for table, column in KEPT_MODELS:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE substr({column}, 1, ?) = ?",
                [artifacts, len(old) + 1, len(old) + 1, f"{old}/"],
            )


def forget_params(database: Path, run_id: str, keys: Iterable[str]) -> None:
    """Deletes params of a run, for which MLflow has no call.

    Raises:
        OSError: if another process locks the database for too long.
    """
    try:
        with opened(database) as connection, connection:
            connection.executemany(
                "DELETE FROM params WHERE run_uuid = ? AND key = ?", [(run_id, key) for key in keys]
            )
    except sqlite3.Error as error:
        raise OSError(f"{database}: {error}") from error


def seen(database: Path, key: str) -> set[int]:
    """The trials of a study that have or had a run in the database; does not import MLflow."""
    if not database.exists():
        return set()
    try:
        with opened(database) as connection:
            return {int(number) for (number,) in connection.execute(SEEN, [key])}
    except sqlite3.DatabaseError:
        return set()
