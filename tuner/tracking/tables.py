"""Tables: what MLflow's database on this machine holds of runs, written by SQL.

MLflow makes an SQLAlchemy object for each entry and commits each call, which costs more than
training a small trial. Unusual entries are left to MLflow, which then reports its own errors.
"""

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from tuner.tracking.database import opened

T = TypeVar("T")

# A point of a curve: name, value, time in milliseconds, step.
Point = tuple[str, float, int, int]

# MLflow allows more names than these, and checks the others itself.
NAME = re.compile(r"(?=.{1,250}\Z)\w+(\.\w+)*", re.ASCII)

# Prefix of MLflow's own tags; some of them change more than the table of tags.
OWN = "mlflow."

LONGEST = 250  # characters of a run's name

BUNCH = 100  # runs per transaction: other writers wait until it ends

# Columns that MLflow fills with the same values for every new run.
RUN = """
INSERT INTO runs (
    run_uuid, name, artifact_uri, experiment_id, user_id, start_time,
    source_type, source_name, entry_point_name, status, source_version, lifecycle_stage
) VALUES (?, ?, ?, ?, ?, ?, 'UNKNOWN', '', '', 'RUNNING', '', 'active')
"""
PLACE = """
SELECT artifact_location FROM experiments WHERE experiment_id = ? AND lifecycle_stage = 'active'
"""
ACTIVE = "SELECT 1 FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
PARAMS = "SELECT key, value FROM params WHERE run_uuid = ?"
PARAM = "INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)"
TAG = """
INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value
"""
STATUS = "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?"

# Existing points stay. The latest point has the highest step, then time, then value.
POINT = """
INSERT OR IGNORE INTO metrics (run_uuid, key, value, timestamp, step, is_nan)
VALUES (?, ?, ?, ?, ?, 0)
"""
LATEST = """
INSERT INTO latest_metrics AS old (run_uuid, key, value, timestamp, step, is_nan)
VALUES (?, ?, ?, ?, ?, 0)
ON CONFLICT (key, run_uuid) DO UPDATE SET
    value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = 0
WHERE (excluded.step, excluded.timestamp, excluded.value) > (old.step, old.timestamp, old.value)
"""


@dataclass(frozen=True)
class NewRun:
    """A run to create, as for MLflow's create_run."""

    name: str
    started_ms: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class News:
    """What to add to a run, as for MLflow's log_batch; all points are finite."""

    run_id: str
    points: Sequence[Point] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class End:
    """How a run ended, as for MLflow's set_terminated."""

    run_id: str
    status: str
    ended_ms: int


def create(database: Path, experiment_id: str, runs: Sequence[NewRun]) -> list[str]:
    """Creates all runs or none; returns their ids in order, or [] if MLflow must create them.

    Raises:
        OSError: if another process locks the database for too long.
    """

    def work(connection: sqlite3.Connection) -> list[str]:
        (place,) = connection.execute(PLACE, [experiment_id]).fetchone() or ("",)
        if not place.startswith("/") or set("?#") & set(place):
            return []
        ids = [uuid4().hex for _ in runs]
        for run_id, run in zip(ids, runs, strict=True):
            user = run.tags.get("mlflow.user", "unknown")
            artifacts = f"{place}/{run_id}/artifacts"
            given = (run_id, run.name, artifacts, experiment_id, user, run.started_ms)
            connection.execute(RUN, given)
            tags = {**run.tags, "mlflow.runName": run.name}
            connection.executemany(TAG, [(run_id, *tag) for tag in tags.items()])
        return ids

    plain = all(0 < len(run.name) <= LONGEST and _are_plain(run.tags) for run in runs)
    return _transaction(database, work, []) if plain else []


def add(database: Path, news: Sequence[News]) -> set[str]:
    """Adds news to runs; each run gets all of its news or nothing.

    Returns:
        The ids of the runs that were changed. The others are left to MLflow: a run was deleted, a
        name is unusual, or a param already has another value.

    Raises:
        OSError: if another process locks the database for too long.
    """

    added = set[str]()
    usual = [own for own in news if _is_usual(own)]
    for start in range(0, len(usual), BUNCH):

        def work(connection: sqlite3.Connection, start: int = start) -> set[str]:
            bunch = usual[start : start + BUNCH]
            return {own.run_id for own in bunch if _was_added(connection, own)}

        added |= _transaction(database, work, set())
    return added


def terminate(database: Path, ends: Sequence[End]) -> set[str]:
    """Ends runs; returns the ids of those that it ended, and raises the errors of `add`."""

    def work(connection: sqlite3.Connection) -> set[str]:
        own = [end for end in ends if _is_active(connection, end.run_id)]
        connection.executemany(STATUS, [(end.status, end.ended_ms, end.run_id) for end in own])
        return {end.run_id for end in own}

    return _transaction(database, work, set())


def _are_plain(names: Mapping[str, str]) -> bool:
    return all(map(NAME.fullmatch, names))


def _is_usual(news: News) -> bool:
    curves = dict.fromkeys((point[0] for point in news.points), "")
    names = {**news.params, **news.tags, **curves}
    return _are_plain(names) and not any(name.startswith(OWN) for name in names)


def _is_active(connection: sqlite3.Connection, run_id: str) -> bool:
    return connection.execute(ACTIVE, [run_id]).fetchone() is not None


def _was_added(connection: sqlite3.Connection, news: News) -> bool:
    run_id = news.run_id
    known = dict(connection.execute(PARAMS, [run_id]))
    differs = any(known.get(key, value) != value for key, value in news.params.items())
    if differs or not _is_active(connection, run_id):
        return False
    points = [(run_id, *point) for point in news.points]
    connection.executemany(POINT, points)
    connection.executemany(LATEST, points)
    new = [(run_id, *param) for param in news.params.items() if param[0] not in known]
    connection.executemany(PARAM, new)
    connection.executemany(TAG, [(run_id, *tag) for tag in news.tags.items()])
    return True


def _transaction(database: Path, work: Callable[[sqlite3.Connection], T], nothing: T) -> T:
    """Does the work in one transaction; returns `nothing` if the tables are of another version."""
    try:
        with opened(database) as connection, connection:
            return work(connection)
    except sqlite3.Error as error:
        other = "no such table", "no column named", "constraint failed"
        if any(said in str(error) for said in other):
            return nothing
        raise OSError(f"{database}: {error}") from error
