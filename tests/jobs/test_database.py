"""Promises of study.storage: a study moves between roots, and its password is nowhere."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

import tuner
from tests import postgresql
from tests.jobs.conftest import Command, ended, until
from tests.postgresql import Server
from tuner.study.database_record import DatabaseRecord
from tuner.tuned import TunedStudy

ADAM = ("optimizer=adam", "study.name=own")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql.running() as own:
        yield own


@pytest.fixture
def uri(server: Server) -> str:
    """Where a database is that holds nothing."""
    return server.create()


def at(uri: str) -> str:
    """The setting that names a database, as Hydra's grammar has it."""
    return f'study.storage="{uri}"'


def leaks(folder: Path, server: Server) -> list[Path]:
    """Files below a folder that hold the password, as it is or as an address has it."""
    secrets = [server.password.encode(), quote(server.password, safe="").encode()]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(own in path.read_bytes() for own in secrets)]


@pytest.mark.slow
def test_a_study_is_begun_on_one_root_and_finished_on_another(
    tmp_path: Path, server: Server, uri: str
) -> None:
    whole, here, there = (Command(tmp_path / name) for name in ("whole", "here", "there"))
    own = [*ADAM, "budget.trials=8", "batch_size={choices: [16, 32]}"]
    assert whole.call(*own, "budget.trials=8").code == 0
    begun = here.call(*own, "budget.trials=4", at(uri))
    assert begun.code == 0
    assert server.password not in begun.out + begun.err + begun.first
    own.append("budget.trials=8")
    done = there.call(*own, at(uri))
    assert done.code == 0, done.err
    assert there.result("own") == whole.result("own")
    assert leaks(tmp_path, server) == []
    assert not list(there.root.rglob("optuna.journal"))
    # And back: what the first root wrote is of fewer trials.
    assert here.call(*own, at(uri)).code == 0
    assert here.result("own") == whole.result("own")
    told = there.call(*own, at(uri))
    assert "is finished" in told.out
    # What is refused: another config, and a database for a record that is in its folder.
    told = there.call(*own, "budget.epochs=5", at(uri))
    assert (told.code, "budget.epochs: 5: study own was begun with 4" in told.err) == (2, True)
    told = whole.call(*own, at(uri))
    assert (told.code, "leave study.storage out" in told.err) == (2, True)
    assert told.err.startswith("tuner: study.storage: postgresql://***@127.0.0.1:")
    shown(tmp_path, there, uri)


def shown(tmp_path: Path, there: Command, uri: str) -> None:
    """Whoever looks at a study looks into its database, and says so where it is not named."""
    name, away = "study.name=own", Command(tmp_path / "away")
    listed = json.loads(away.call("job=list", "output=json", at(uri)).out)["studies"]
    assert [(own["study"], own["trials"], own["asked"]) for own in listed] == [("own", 8, None)]
    assert [own["state"] for own in listed] == ["finished"]
    assert "under another root" in away.call("job=show", name, at(uri)).out
    assert not away.root.exists()
    for job in ("job=doctor", "job=report", "job=show"):
        assert there.call(job, name, at(uri)).code == 0, job
    assert "trial 3" in there.call("job=show", "trial=3", name, at(uri)).out.lower()
    for given in ([*ADAM], ["job=doctor", name], ["job=delete", "yes=true", name]):
        told = there.call(*given)
        assert told.code == 2
        assert "give study.storage=... again" in told.err
        assert len(told.err.splitlines()) == 1
    warm = away.call("study.name=warm", "study.warm_start=own", "budget.trials=1", at(uri))
    assert warm.code == 0
    unknown = away.call("study.name=second", "study.warm_start=owm", at(uri))
    assert (unknown.code, "did you mean own?" in unknown.err) == (2, True)
    assert there.call("job=delete", "yes=true", name, at(uri)).code == 0
    assert not there.folder("own").exists()
    assert "no such study" in there.call("job=show", name, at(uri)).err


def test_a_server_that_is_away_is_a_line_before_data_are_read_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    command = Command(tmp_path / "here")
    nobody = "postgresql://me:secret@127.0.0.1:1/none"
    for given in (["data=csv", "data.path=none.csv", "data.target=y"], ["job=list"], ["job=show"]):
        told = command.call(*given, f"study.storage={nobody}")
        assert told.code == 2
        (line,) = told.err.splitlines()
        assert line.startswith("tuner: study.storage: postgresql://***@127.0.0.1:1/none: ")
        assert "secret" not in told.out + told.err + told.first
    assert not command.root.exists()


def test_whoever_comes_second_is_told_who_is_at_work_or_waits(tmp_path: Path, uri: str) -> None:
    command = Command(tmp_path / "here")
    few = [*ADAM, "budget.trials=1", "confirm.top=0", at(uri)]
    with DatabaseRecord(tmp_path / "elsewhere" / "own", "own", uri):
        told = command.call(*few)
        assert told.code == 75
        assert f"is at work: process {os.getpid()} on " in told.err
        waited = command.call(*few, "wait=1.5")
        assert (waited.code, "waiting up to" in waited.err) == (75, True)
        assert "under way" in command.call("job=show", "study.name=own", at(uri)).out


def test_the_address_and_the_password_may_be_in_the_environment(
    tmp_path: Path, server: Server, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    name = uri.rpartition("/")[2]
    few = [*ADAM, "budget.trials=1", "confirm.top=0"]
    command = Command(tmp_path / "here")
    assert command.call(*few, f"study.storage=postgresql:///{name}").code == 0
    secret = tmp_path / "pgpass"
    secret.write_text(f"*:*:*:owner:{server.password}\n")
    secret.chmod(0o600)
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", str(secret))
    monkeypatch.setenv("PGDATABASE", name)
    assert "is finished" in command.call(*few, "study.storage=postgresql://").out
    secret.unlink()
    assert command.call(*few, f"study.storage=postgresql:///{name}").code == 2


def test_a_functions_model_is_made_again_where_it_is_not(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def train(
        x: float = tuner.range(0.0, 1.0), *, epochs: int, seed: int
    ) -> Iterator[dict[str, float]]:
        for epoch in range(epochs):
            loss = (x - 0.3) ** 2 + 1 / (epoch + 1) + 1e-3 * (seed % 7)
            yield {"validation_loss": loss}
        tuner.save(np.array([x]))

    def study(root: str) -> TunedStudy:
        own = {"study.storage": uri, "tracking": "none", "confirm.seeds": 3, "confirm.top": 2}
        return tuner.tune(train, trials=4, epochs=3, name="own", root=root, settings=own)

    first, second = study("here"), study("there")
    # Where they are kept is no part of what was found.
    anywhere = {"reproduce": "", "next_round": ""}
    assert replace(first.result, **anywhere) == replace(second.result, **anywhere)

    def saved(root: str) -> dict[str, bytes]:
        model = tmp_path / root / "studies" / "own" / "model"
        return {path.name: path.read_bytes() for path in model.rglob("*") if path.is_file()}

    assert saved("here")
    assert saved("there") == saved("here")


@pytest.mark.slow
def test_killed_at_any_instant_a_study_is_taken_up_at_once_on_another_root(
    tmp_path: Path, server: Server, uri: str
) -> None:
    own = [*ADAM, "budget.trials=12", "budget.epochs=40", "checkpoint.seconds=0.05"]
    whole = Command(tmp_path / "whole")
    assert whole.run(*own).code == 0
    rng, roots = random.Random(1), [Command(tmp_path / name) for name in ("here", "there")]
    for i in range(4):
        root = roots[i % 2]
        process = root.start(*own, at(uri))
        until((root.folder("own") / "owner.json").exists, process)
        time.sleep(rng.uniform(0.0, 1.5))
        process.send_signal(signal.SIGKILL)
        ended(process)
    last = roots[1].run(*own, at(uri))
    assert last.code == 0, last.err
    assert roots[1].result("own") == whole.result("own")
    assert leaks(tmp_path, server) == []


@pytest.mark.slow
def test_a_server_that_goes_away_under_a_study_ends_it_with_a_line_and_it_goes_on(
    tmp_path: Path, server: Server, uri: str
) -> None:
    own = [*ADAM, "budget.trials=12", "budget.epochs=400", "pruner=none", "confirm.top=0"]
    command = Command(tmp_path / "here")
    process = command.start(*own, at(uri), "log=json")
    assert process.stderr is not None
    for line in process.stderr:
        if '"asked"' in line:
            break
    server.stop()
    try:
        told = ended(process)
        assert told.code == 1, told.err
        lines = [line for line in told.err.splitlines() if "study.storage" in line]
        assert len(lines) == 1
        assert "the same command continues" in lines[0]
        assert "Traceback" not in told.err
        assert not (command.folder("own") / "crash.log").exists()
    finally:
        server.start()
    assert "own" in command.call("job=list", at(uri)).out
