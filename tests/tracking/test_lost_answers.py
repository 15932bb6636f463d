"""Answers that are lost or late make no run twice, and leave none open."""

import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests.conftest import free_port
from tests.tracking.conftest import NAMES, STARTED, curve, read_runs, study, trial
from tests.tracking.test_writer import serve, stop
from tuner.processes.deadline import Deadline
from tuner.tracking import RunBegins, Store, Writer
from tuner.tracking.runs import StudyRuns


class Proxy:
    """Stands before a server: an answer is lost, late or whole, as a seed decides.

    What is asked always arrives. An answer that comes later than the client waits is as good as
    lost.
    """

    def __init__(self, port: int, seed: int, lost: float = 0.15, late: float = 0.1) -> None:
        self.port, self.chance = port, random.Random(seed)
        self.lost, self.late = lost, late
        self.own = socket.create_server(("127.0.0.1", 0))
        self.answers = dict.fromkeys(("lost", "late", "whole"), 0)
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.own.getsockname()[1]}"

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.own.accept()
                threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            closing(client),
            closing(socket.create_connection(("127.0.0.1", self.port))) as server,
        ):
            threading.Thread(target=self.forward, args=[client, server], daemon=True).start()
            while answer := server.recv(1 << 16):
                drawn = self.chance.random()
                what = "lost" if drawn < self.lost else "late"
                what = what if drawn < self.lost + self.late else "whole"
                self.answers[what] += 1
                if what == "lost":
                    client.shutdown(socket.SHUT_RDWR)
                    return
                if what == "late":
                    time.sleep(3.0)
                client.sendall(answer)

    def forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while asked := client.recv(1 << 16):
                server.sendall(asked)
            server.shutdown(socket.SHUT_WR)


@pytest.fixture
def port(store: Store) -> Iterator[int]:
    """The port of a real server on the store."""
    port = free_port()
    server = serve(store, port)
    try:
        yield port
    finally:
        stop(server)


def everything(client: MlflowClient) -> list:
    experiment = client.get_experiment_by_name("digits")
    return list(client.search_runs([experiment.experiment_id]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_lost_and_late_answers_leave_one_parent_and_a_run_a_trial(
    store: Store, port: int, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    proxy = Proxy(port, seed)
    records = study(*(trial(number) for number in range(8)))
    for _ in range(20):  # commands
        writer = Writer(Store(tmp_path, proxy.uri), tmp_path / "study", **NAMES)
        for record in records:
            writer.put(record)
        records, waiting = [], writer.close(Deadline(60))
        if not waiting:
            break
    assert waiting == 0
    assert min(proxy.answers.values()) > 0
    runs = everything(MlflowClient(store.uri))
    kept = [run for run in runs if run.data.tags["tuner.state"] != "DUPLICATE"]
    numbers = sorted(int(run.data.tags.get("tuner.trial", -1)) for run in kept)
    assert numbers == list(range(-1, 8))
    assert "RUNNING" not in {run.info.status for run in runs}
    (parent,) = [run for run in kept if "tuner.trial" not in run.data.tags]
    for run in kept:
        if run is not parent:
            assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
            assert len(curve(store, run)) == 3


def late(store: Store, number: int | None) -> str:
    """A run that a server made after its client had given it up."""
    client = MlflowClient(store.uri)
    tags = {"tuner.key": NAMES["key"], "tuner.study": NAMES["study"], "tuner.state": "RUNNING"}
    tags |= {} if number is None else {"tuner.trial": str(number), "mlflow.parentRunId": "gone"}
    experiment = client.get_experiment_by_name("digits").experiment_id
    return client.create_run(experiment, start_time=STARTED, tags=tags).info.run_id


def test_of_several_runs_the_fullest_stays_and_the_others_are_closed(store, open_runs):
    open_runs().write(study(trial(0), trial(1))[:-1])
    before = read_runs(store)
    ids = {late(store, None), late(store, 1)}
    runs = open_runs()
    assert runs.dropped == 2
    assert {n: run.info.run_id for n, run in runs.found.items()} == {
        n: run.info.run_id for n, run in before.items()
    }
    for run in everything(runs.client):
        if run.info.run_id in ids:
            assert run.info.status == "KILLED"
            assert run.data.tags["tuner.state"] == "DUPLICATE"
            assert "is the run of the same trial" in run.data.tags["tuner.reason"]
    assert open_runs().dropped == 0


def test_children_follow_the_parent_that_stays(store, open_runs):
    open_runs().write([RunBegins(None, "adam", STARTED)])
    client = MlflowClient(store.uri)
    client.set_tag(late(store, 0), "mlflow.parentRunId", late(store, None))
    open_runs().write(study(trial(0)))
    runs = StudyRuns(store, **NAMES).found
    assert runs[0].data.tags["mlflow.parentRunId"] == runs[None].info.run_id


def test_a_run_whose_creation_was_not_answered_is_found_not_made_again(store, open_runs):
    runs = open_runs()

    class Silent(MlflowClient):
        def create_run(self, *arguments, **more):
            super().create_run(*arguments, **more)
            raise MlflowException("the answer was lost")

    runs.client.__class__ = Silent
    runs.write(study(trial(0), trial(1)))
    assert read_runs(store).keys() == {None, 0, 1}
    assert len(everything(MlflowClient(store.uri))) == 3


@pytest.mark.slow
@pytest.mark.parametrize("busy", [True, False])
def test_an_uploader_that_is_stopped_holds_nobody_longer_than_the_deadline(store, tmp_path, busy):
    writer = Writer(store, tmp_path / "study", **NAMES)
    for record in study(trial(0)):
        writer.put(record)
    assert writer.flush(Deadline()) == 0
    writer._uploader.process.send_signal(signal.SIGSTOP)
    if busy:
        writer.put(RunBegins(1, "trial 1", STARTED))
    began = time.monotonic()
    assert writer.close(Deadline(2)) == busy
    assert time.monotonic() - began < 4


@pytest.mark.slow
def test_a_signal_shortens_the_wait_for_a_silent_server(tmp_path, monkeypatch):
    monkeypatch.setattr("tuner.processes.deadline.HURRIED", 1.0)
    told = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = Store(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        writer = Writer(store, tmp_path / "study", **NAMES)
        writer.put(RunBegins(None, "adam", STARTED))
        deadline = Deadline(600, told)
        threading.Timer(1.0, told.set).start()
        began = time.monotonic()
        assert writer.flush(deadline) == 1
        assert writer.close(deadline) == 1
        assert time.monotonic() - began < 5
