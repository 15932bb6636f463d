"""However a command is stopped, nothing is lost or left open, and the same command continues."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import free_port
from tests.jobs.conftest import Command, ended, until
from tuner.concluding import UNDELIVERED
from tuner.processes.lock import owned
from tuner.study.journal import JournalRecord
from tuner.study.results import INTERRUPTED
from tuner.tracking.command import LATER
from tuner.tracking.tracker import Tracker

pytestmark = pytest.mark.slow

# Some ten seconds of training, so that a signal sent at any moment finds it at work.
LONG = ("model.mlp.hidden=[256,256]", "budget.epochs=60", "budget.trials=24", "data=digits")
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def training(command: Command) -> bool:
    """Whether trials have been asked, so that a cohort trains."""
    journal = command.folder() / "optuna.journal"
    return journal.exists() and b'"op_code":4' in journal.read_bytes()


def check_store(command: Command, study: str = "study") -> None:
    """One parent, a child a trial, none at work, no point twice and none missing.

    Trials of a cohort that an interruption cut short have no result yet, also those that had left.
    """
    client = MlflowClient(f"sqlite:///{command.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], f"tags.`tuner.study` = '{study}'")
    children = {int(r.data.tags["tuner.trial"]): r for r in runs if "tuner.trial" in r.data.tags}
    trials = {s["number"]: s for s in command.result(study)["all"]}
    assert len(runs) == len(children) + 1
    assert "RUNNING" not in {r.info.status for r in runs}
    if command.result(study)["stopped"] == INTERRUPTED:
        cut = {n: run for n, run in children.items() if n not in trials}
        states = {run.data.tags["tuner.state"] for run in cut.values()}
        assert states <= {"INTERRUPTED", "PRUNED", "DIVERGED"}
        children = {n: run for n, run in children.items() if n in trials}
    assert set(children) == set(trials)
    for number, run in children.items():
        assert run.data.tags["tuner.state"] == trials[number]["state"]
        for metric in run.data.metrics:
            steps = [p.step for p in client.get_metric_history(run.info.run_id, metric) if p.step]
            own = trials[number]
            # Fresh seeds train a trial to the epoch by which it counts.
            counted = own["best_epoch"] if metric.startswith("confirmed_") else None
            assert sorted(steps) == list(range(1, (counted or own["epochs"]) + 1))


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_stops_training_and_the_same_command_goes_on(
    number: signal.Signals, code: int, command: Command, processes: list["subprocess.Popen[str]"]
) -> None:
    process = command.start(*LONG)
    processes.append(process)
    until(lambda: training(command), process)
    time.sleep(0.5)
    process.send_signal(number)
    since = time.monotonic()
    told = ended(process)
    assert told.code == code, told
    assert time.monotonic() - since < 20
    assert "Traceback" not in told.err
    assert "Study study" in told.out
    assert "same command continues" in told.out
    assert command.result()["stopped"] == INTERRUPTED
    small = [s if not s.startswith("budget.trials") else "budget.trials=1" for s in LONG]
    again = command.call(*small)
    assert again.code == 0, again.err
    assert command.result()["best"]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_leaves_no_run_open_in_mlflow(
    number: signal.Signals, code: int, command: Command, processes: list["subprocess.Popen[str]"]
) -> None:
    process = command.start(*LONG, "tracking=mlflow")
    processes.append(process)
    until(lambda: training(command), process)
    time.sleep(1)
    process.send_signal(number)
    told = ended(process)
    assert told.code == code
    if LATER not in told.err:  # a busy machine may not write all in the seconds after a signal
        check_store(command)
    goes_on = [s if not s.startswith("budget.trials") else "budget.trials=4" for s in LONG]
    assert command.run(*goes_on, "tracking=mlflow").code == 0
    check_store(command)


def catches(process: "subprocess.Popen[str]", number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.6, 1.2])
def test_a_signal_before_training_is_told_in_a_line(
    seconds: float,
    number: signal.Signals,
    code: int,
    command: Command,
    processes: list["subprocess.Popen[str]"],
) -> None:
    process = command.start(*LONG, "tracking=mlflow")
    processes.append(process)
    until(lambda: catches(process, signal.SIGTERM), process)
    time.sleep(seconds)
    process.send_signal(number)
    told = ended(process)
    assert told.code == code
    assert "same command continues" in told.out
    assert "Traceback" not in told.err


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, float]:
    """A tracked study left in peace, and the seconds that it took."""
    command = Command(tmp_path_factory.mktemp("peace") / "mlruns")
    since = time.monotonic()
    assert command.run("tracking=mlflow", "budget.trials=12").code == 0
    return command, time.monotonic() - since


def test_ten_kills_at_any_instant_change_no_result(
    command: Command,
    uninterrupted: tuple[Command, float],
    processes: list["subprocess.Popen[str]"],
) -> None:
    peaceful, seconds = uninterrupted
    instants = random.Random(1)
    for _ in range(10):
        process = command.start("tracking=mlflow", "budget.trials=12")
        processes.append(process)
        time.sleep(instants.uniform(0.1, 1.0) * seconds)
        process.kill()
        process.communicate()
    assert command.run("tracking=mlflow", "budget.trials=12").code == 0
    assert command.result() == peaceful.result()
    check_store(command)


@pytest.mark.parametrize("sign", ["mlflow.db", "studies/study/model", "studies/study/result.json"])
def test_a_kill_at_the_start_or_the_end_changes_no_result(
    sign: str,
    command: Command,
    uninterrupted: tuple[Command, float],
    processes: list["subprocess.Popen[str]"],
) -> None:
    """As the store has come to be, while the winner is saved, and after the result is."""
    process = command.start("tracking=mlflow", "budget.trials=12")
    processes.append(process)
    until((command.root / sign).exists, process)
    process.kill()
    process.communicate()
    told = command.run("tracking=mlflow", "budget.trials=12")
    assert told.code == 0, told.err
    assert command.result() == uninterrupted[0].result()
    check_store(command)


def test_a_finished_study_hands_over_what_a_dead_server_left_waiting(command: Command) -> None:
    told = command.run("tracking=mlflow", f"tracking.uri=http://127.0.0.1:{free_port()}")
    assert told.code == UNDELIVERED, told.err
    assert "the next command on this study sends them to MLflow" in told.err
    again = command.run("tracking=mlflow")
    assert again.code == 0, again.err
    assert "is finished" in again.out
    check_store(command)


def test_a_finished_study_tells_mlflow_the_end_that_a_kill_kept_back(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        put = JournalRecord.put
        patch.setattr(Tracker, "over", lambda *_, **__: None)
        patch.setattr(
            JournalRecord, "put", lambda own, key, v: None if key == "over" else put(own, key, v)
        )
        assert command.call("tracking=mlflow").code == 0
    with pytest.raises(AssertionError, match="RUNNING"):
        check_store(command)
    assert "is finished" in command.call("tracking=mlflow").out
    check_store(command)


def test_who_comes_second_is_told_who_holds_the_study(command: Command) -> None:
    with owned(command.folder()):
        before = sorted(command.root.rglob("*"))
        told = command.run()
        assert sorted(command.root.rglob("*")) == before
    assert told.code == 75
    (line,) = told.err.splitlines()
    assert line.startswith("tuner: study.name: study: ")
    assert f"process {os.getpid()} on {socket.gethostname()}, since 2" in line
    assert command.call("budget.trials=1").code == 0


def test_a_second_process_waits_its_turn(
    command: Command, processes: list["subprocess.Popen[str]"]
) -> None:
    first = command.start(*LONG)
    processes.append(first)
    until(lambda: training(command), first)
    second = command.run(*LONG)
    assert second.code == 75
    assert re.search(rf"process {first.pid} on", second.err)
    first.terminate()
    assert ended(first).code == 143


def test_two_studies_may_make_one_root_at_once(
    command: Command, processes: list["subprocess.Popen[str]"]
) -> None:
    both = [command.start("tracking=mlflow", f"study.name={name}") for name in ("one", "two")]
    processes += both
    assert [ended(process).code for process in both] == [0, 0]
    for name in ("one", "two"):
        check_store(command, name)
