"""The writer never makes training wait, and no record is lost, whatever dies and when."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.tracking.conftest import NAMES, curve, read_runs, study, trial
from tuner.processes.background import Background
from tuner.processes.deadline import Deadline
from tuner.tracking import Store, Writer
from tuner.tracking.spool import Spool
from tuner.tracking.uploader import deliver

REPOSITORY = Path(__file__).resolve().parents[2]


def write(writer, records):
    """Hand over records; returns the seconds the slowest took."""
    slowest = 0.0
    for record in records:
        began = time.perf_counter()
        writer.put(record)
        slowest = max(slowest, time.perf_counter() - began)
    return slowest


@pytest.mark.slow
def test_all_that_was_put_is_in_mlflow_after_close_and_nothing_runs(store, tmp_path):
    writer = Writer(store, tmp_path / "study", **NAMES)
    write(writer, study(*(trial(number) for number in range(5))))
    writer.sync()
    assert writer.close(Deadline(60)) == 0
    assert writer.error is None
    assert writer.refused == []
    runs = read_runs(store)
    assert runs.keys() == {None, 0, 1, 2, 3, 4}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert all(len(curve(store, runs[number])) == 3 for number in range(5))
    assert runs[None].info.run_id in writer.curves_link("val_loss")
    assert not list((tmp_path / "study" / "spool").glob("*.jsonl"))


@pytest.mark.slow
def test_a_dead_server_costs_nothing_and_the_next_command_writes_what_waits(store, tmp_path):
    dead = Store(store.root, f"http://127.0.0.1:{free_port()}")
    writer = Writer(dead, tmp_path / "study", **NAMES)
    records = study(trial(0), trial(1))
    assert write(writer, records[:4]) < 0.5
    began = time.monotonic()
    assert writer.close(Deadline(60)) == 4
    assert time.monotonic() - began < 40
    assert "Connection refused" in writer.error
    assert "\n" not in writer.error

    writer = Writer(store, tmp_path / "study", **NAMES)
    write(writer, records[4:])
    assert writer.close(Deadline(60)) == 0
    runs = read_runs(store)
    assert runs.keys() == {None, 0, 1}
    assert all(len(curve(store, runs[number])) == 3 for number in (0, 1))


@pytest.mark.slow
def test_a_silent_server_holds_nobody_longer_than_the_timeout(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = Store(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        writer = Writer(store, tmp_path / "study", **NAMES)
        records = trial(0)
        write(writer, records)
        began = time.monotonic()
        assert writer.close(Deadline(8)) == len(records)
        assert time.monotonic() - began < 10
        assert writer.error == "MLflow took longer than 8 s"


@pytest.mark.slow
def test_a_uploader_that_is_killed_is_replaced(store, tmp_path):
    writer = Writer(store, tmp_path / "study", **NAMES)
    records = study(trial(0), trial(1))
    write(writer, records[:4])
    assert writer.flush(Deadline(60)) == 0
    writer._uploader.kill()
    write(writer, records[4:])
    assert writer.close(Deadline(60)) == 0
    assert {run.info.status for run in read_runs(store).values()} == {"FINISHED"}


@pytest.mark.slow
def test_a_database_that_is_deleted_meanwhile_is_made_anew(store, tmp_path):
    writer = Writer(store, tmp_path / "study", **NAMES)
    records = study(trial(0), trial(1))
    write(writer, records[:6])
    assert writer.flush(Deadline()) == 0
    assert not writer.renewed
    store.database.unlink()
    write(writer, records)
    assert writer.close(Deadline()) == 0
    assert writer.renewed
    assert read_runs(store).keys() == {None, 0, 1}


@pytest.mark.slow
def test_a_database_that_is_deleted_in_the_middle_of_a_file_ends_the_uploader(store, tmp_path):
    """MLflow would go on with the file that was opened, and SQL with the one of that name."""
    spool = Spool(tmp_path / "study" / "spool")
    missing = False

    def files():
        nonlocal missing
        for record in study(trial(0)):
            spool.append(record)
        file = str(spool.oldest())
        yield file
        missing = True
        yield file
        missing = False
        yield file

    class Turns:
        def __enter__(self):
            if missing:
                store.database.unlink()

        def __exit__(self, *error):
            return None

    told = {"root": str(store.root), "uri": store.uri, "spool": str(tmp_path / "study" / "spool")}
    written, failed, replaced = deliver({**told, **NAMES}, files(), Turns())
    assert written["error"] is None
    assert "unable to open" in failed["error"]
    assert replaced["renewed"]


STUDY = """
import sys
from pathlib import Path
from tests.tracking.conftest import NAMES, study, trial
from tuner.processes.background import Background
from tuner.processes.deadline import Deadline
from tuner.tracking import Store, Writer

writer = Writer(Store(Path(sys.argv[1])), Path(sys.argv[2]), **NAMES)
for record in study(*(trial(number, epochs=20) for number in range(20)))[:300]:
    writer.put(record)
print("put", flush=True)
writer.flush(Deadline(60))
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 4.0, 5.0])
def test_a_study_killed_and_started_again_has_every_point_once(store, tmp_path, delay):
    argv = [sys.executable, "-c", STUDY, str(store.root), str(tmp_path / "study")]
    with subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE) as killed:
        killed.stdout.readline()
        time.sleep(delay)
        os.kill(killed.pid, signal.SIGKILL)
    writer = Writer(store, tmp_path / "study", **NAMES)
    write(writer, study(*(trial(number, epochs=20) for number in range(20))))
    assert writer.close(Deadline(100)) == 0
    runs = read_runs(store)
    assert runs.keys() == {None, *range(20)}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    for number in range(20):
        assert [step for step, _ in curve(store, runs[number])] == list(range(20))


def serve(store, port):
    """A real tracking server on the store's database, once it answers."""
    local = Store(store.root)
    argv, env = local.ui_command(port)
    process = subprocess.Popen(
        argv,
        env=env,
        cwd=store.root,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.1)
    raise TimeoutError("mlflow server")


def stop(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_a_server_that_dies_in_the_middle_loses_nothing_and_blocks_nobody(store, tmp_path):
    port = free_port()
    remote = Store(tmp_path / "elsewhere", f"http://127.0.0.1:{port}")
    server = serve(store, port)
    try:
        writer = Writer(remote, tmp_path / "study", **NAMES)
        records = study(*(trial(number) for number in range(6)))
        write(writer, records[:12])
        assert writer.flush(Deadline(60)) == 0
    finally:
        stop(server)
    assert write(writer, records[12:]) < 0.5
    assert writer.close(Deadline(60)) == len(records) - 12
    assert writer.error

    server = serve(store, port)
    try:
        writer = Writer(remote, tmp_path / "study", **NAMES)
        assert writer.close(Deadline(60)) == 0
        assert writer.error is None
    finally:
        stop(server)
    runs = read_runs(store)
    assert runs.keys() == {None, *range(6)}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert all(len(curve(store, runs[number])) == 3 for number in range(6))


@pytest.mark.slow
def test_the_uploader_makes_calls_between_files(store, tmp_path):
    writer = Writer(store, tmp_path / "study", **NAMES)
    assert writer.host() is None
    with Background(["this"], writer.host) as background:
        write(writer, study(trial(0)))
        assert writer.flush(Deadline()) == 0
        background.prepare()
        background.begin(os.getpid)
        write(writer, trial(1))
        assert background.result(Deadline()) == writer._uploader.process.pid
        assert writer.close(Deadline()) == 0
    assert read_runs(store).keys() == {None, 0, 1}


def test_where_a_server_keeps_the_data_the_uploader_makes_no_calls(tmp_path):
    writer = Writer(Store(tmp_path, "http://127.0.0.1:9"), tmp_path / "study", **NAMES)
    assert not writer.is_host
    writer.close(Deadline(0.0))
