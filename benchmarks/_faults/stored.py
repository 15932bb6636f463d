"""What MLflow's database holds of a study, read by SQL alone and not by the code under test."""

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

# Tags that differ between equal runs of the same study.
OWN = ("tuner.key", "mlflow.parentRunId", "mlflow.source.git.commit")

# Prefixes of the metrics of a study's verdict.
VERDICT = ("confirmed_", "test_")

# The states of runs that were closed because another run replaces them.
RETIRED = ("DUPLICATE", "UNKNOWN")

Runs = dict[str, dict[str, Any]]


def read(database: Path, key: str | None) -> tuple[Runs, list[str]]:
    """The runs of a study, by "study" or the trial's number, and what is wrong with them.

    Args:
        database: MLflow's database.
        key: the study's key; None if the database holds no other study.
    """
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as store:
        return _read(store, key, database.parent / "artifacts")


def _read(store: sqlite3.Connection, key: str | None, served: Path) -> tuple[Runs, list[str]]:
    found: Runs = {}
    parents: list[str] = []
    wrong: list[str] = []
    children: dict[str, str | None] = {}
    rows = store.execute(
        "SELECT run_uuid, name, status, start_time, end_time, artifact_uri FROM runs "
        "WHERE lifecycle_stage = 'active'"
    )
    for run, name, status, began, ended, artifacts in rows.fetchall():
        own = "WHERE run_uuid = ?"
        tags = dict(store.execute(f"SELECT key, value FROM tags {own}", (run,)))
        if key is not None and tags.get("tuner.key") != key:
            continue
        trial = tags.get("tuner.trial")
        who = "study" if trial is None else trial
        if status == "RUNNING":
            wrong.append(f"MLflow: a run of {_name(who)} is RUNNING")
        if tags.get("tuner.state") in RETIRED:
            continue
        if who in found:
            wrong.append(f"MLflow: {_name(who)} has several runs")
        if ended is None or ended < began:
            wrong.append(f"MLflow: {_name(who)} ends at {ended}, and began at {began}")
        if trial is None:
            parents.append(run)
        else:
            children[trial] = tags.get("mlflow.parentRunId")
        found[who] = {
            "name": name,
            "status": status,
            "tags": {
                name: value.replace(run, "itself")
                for name, value in tags.items()
                if name not in OWN
            },
            "params": dict(store.execute(f"SELECT key, value FROM params {own}", (run,))),
            "curves": _curves(store, run, who, wrong),
            "models": store.execute(
                "SELECT count(*) FROM logged_models WHERE source_run_id = ? "
                "AND lifecycle_stage = 'active'", (run,),
            ).fetchone()[0],
            "artifacts": _artifacts(artifacts, served),
        }  # fmt: skip
        if trial is None:
            found[who]["curves"] = _newest(found[who]["curves"])
    wrong += [
        f"MLflow: {_name(trial)} has the parent {parent}, not {', '.join(parents)}"
        for trial, parent in children.items()
        if [parent] != parents
    ]
    return found, wrong


def _curves(store: sqlite3.Connection, run: str, who: str, wrong: list[str]) -> dict[str, Any]:
    curves: dict[str, dict[int, float]] = {}
    rows = store.execute(
        "SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY key, step", (run,)
    )
    for name, step, value, is_nan in rows:
        curve = curves.setdefault(name, {})
        if step in curve:
            wrong.append(f"MLflow: {_name(who)}: {name} has step {step} twice")
        if is_nan or not math.isfinite(value) or abs(value) > 1e300:
            wrong.append(f"MLflow: {_name(who)}: {name} is not finite at step {step}")
        curve[step] = value
    return curves


def _newest(curves: dict[str, Any]) -> dict[str, Any]:
    """The curves, reduced to the newest point for a verdict: each verdict has its own step."""
    return {
        name: max(curve.items())[1] if name.startswith(VERDICT) else curve
        for name, curve in curves.items()
    }


def _artifacts(uri: str, served: Path) -> list[str]:
    """The files of a run; those of a server are in the server's own folder."""
    inside = uri.removeprefix("mlflow-artifacts:/")
    folder = Path(uri) if inside == uri else served / inside
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def _name(who: str) -> str:
    return who if who == "study" else f"trial {who}"


def differences(runs: Runs, asked: Runs) -> list[str]:
    """The differences from an undisturbed study, a line each."""
    told = [f"MLflow: has no run of {_name(who)}" for who in asked.keys() - runs.keys()]
    told += [f"MLflow: has a run of {_name(who)}" for who in runs.keys() - asked.keys()]
    for who in sorted(runs.keys() & asked.keys()):
        told += _different(f"MLflow: {_name(who)}", runs[who], asked[who])
    return told


def _different(path: str, own: Any, other: Any) -> list[str]:
    if isinstance(own, dict) and isinstance(other, dict):
        keys = sorted(own.keys() | other.keys(), key=str)
        if len(keys) > 8 and all(isinstance(key, int) for key in keys):
            lacks, more = len(other.keys() - own.keys()), len(own.keys() - other.keys())
            if lacks or more:
                return [f"{path}: lacks {lacks} points and has {more} that should not be"]
        return [
            line
            for key in keys
            for line in _different(f"{path}: {key}", own.get(key), other.get(key))
        ]
    return [] if own == other else [f"{path} is {own!r}, not {other!r}"]
