"""Workers: a user's function is trained in other processes as in this one, whoever dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tuner.cli import main
from tuner.config import workers as checks
from tuner.errors import UserError
from tuner.function import Function, declared
from tuner.study.calls import cutting
from tuner.study.calls.call import End, Failure, Step, Task
from tuner.study.calls.cluster import Cluster
from tuner.study.calls.local import Local
from tuner.study.workers.deaths import how
from tuner.training.loop import Interrupted

SCRIPT = """
import os
import time
from pathlib import Path

import numpy as np

import tuner

GONE = Path(__file__).with_name("closed")


def train(
    lr: float = tuner.range(1e-3, 3.0, scale="log"),
    *,
    epochs: int,
    seed: int,
):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=8)
    try:
        yield {"epoch": 0, "train_loss": w @ w, "validation_loss": w @ w + 0.1}
        for epoch in range(1, epochs + 1):
            time.sleep(float(os.environ.get("SLEEP", "0.01")))
            w = w - lr * (w + 0.01 * rng.normal(size=8))
            os.system(f"echo epoch {epoch}")
            yield {"train_loss": w @ w, "validation_loss": w @ w + 0.1}
    finally:
        GONE.mkdir(exist_ok=True)
        (GONE / f"{lr}-{seed}").touch()


tuner.main(train)  # without the usual guard: workers do not run the script
"""
SMALL = ("tracking=none", "budget.trials=8", "budget.epochs=8", "confirm.seeds=3", "confirm.top=2")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


@pytest.fixture
def start(script: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    started = []

    def begin(*settings: str, sleep: float = 0.01) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, script.name, *SMALL, *settings],
            cwd=script.parent,
            env={**os.environ, "SLEEP": str(sleep)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def result(script: Path, root: str = "mlruns") -> Any:
    file = script.parent / root / "studies/train/result.json"
    return json.loads(file.read_text(encoding="utf-8"))["result"]


def workers_of(process: "subprocess.Popen[str]") -> list[int]:
    """The processes that work for a command."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"tuner.processes.dask_worker" in words and str(process.pid).encode() in words:
            found.append(int(folder.name))
    return found


def until(happened: Callable[[], object], seconds: float = 60) -> None:
    last = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < last
        time.sleep(0.02)


def logged(script: Path, root: str = "mlruns") -> int:
    """Epochs that stand in the logs of the calls."""
    logs = script.parent.glob(f"{root}/studies/train/trials/*/yields.jsonl")
    return sum(log.read_text(encoding="utf-8").count('"metrics"') for log in logs)


def alive(pid: int) -> bool:
    try:
        return b"dask_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.slow
def test_results_are_the_same_for_any_number_of_workers_though_one_is_killed(
    script: Path, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    alone = start("root=alone")
    _, errors = alone.communicate(timeout=120)
    assert alone.returncode == 0, errors
    process = start("root=four", "workers=4", sleep=0.05)
    until(lambda: len(workers_of(process)) == 4)
    until(lambda: logged(script, "four") > 10)
    os.kill(workers_of(process)[1], signal.SIGKILL)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "trained by 4 workers" in said
    assert "distributed" not in errors
    assert result(script, "four") == result(script, "alone")
    assert not (script.parent / "four/studies/train/workers").exists()
    output = script.parent / "four/studies/train/trials/0/output.txt"
    # What other processes of the function print goes to the file of the call as well.
    assert "epoch 1\n" in output.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_signal_closes_the_generators_and_a_kill_leaves_no_process(
    script: Path, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    process = start("workers=2", sleep=60)
    until(lambda: len(list(script.parent.glob("mlruns/studies/train/trials/*/output.txt"))) == 2)
    time.sleep(0.5)
    workers, began = workers_of(process), time.monotonic()
    assert len(workers) == 2
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert time.monotonic() - began < 12
    # Those that were within an epoch of a minute, too.
    assert len(list((script.parent / "closed").iterdir())) == 2
    assert not any(map(alive, workers))

    process = start("workers=2", sleep=0.2)
    until(lambda: logged(script) > 4)
    workers = workers_of(process)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGSTOP)  # whatever they are at
    process.kill()
    process.communicate(timeout=60)
    until(lambda: not any(map(alive, workers)), seconds=5)


def endless(lr: float = 0.1, *, epochs: int) -> Iterator[dict[str, float]]:
    """Waits for a minute in its second epoch."""
    yield {"validation_loss": 1.0}
    try:
        time.sleep(60)
    finally:
        CLOSED.append(lr)


CLOSED: list[float] = []


def task(folder: Path, epochs: int = 4, lr: float = 0.1) -> Task:
    return Task({"lr": lr}, 0, 0, 1, epochs, None, "", folder)


def test_an_epoch_that_goes_on_after_a_signal_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutting, "PATIENCE", 0.2)
    before, stop, CLOSED[:] = signal.getsignal(cutting.SIGNAL), Event(), []
    local = Local(declared(endless, ""), stop)
    assert isinstance(local.step(task(tmp_path / "0"), 1), Step)
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        local.step(task(tmp_path / "0"), 2)
    assert time.monotonic() - began < 3
    assert CLOSED == [0.1]
    local.close()
    assert signal.getsignal(cutting.SIGNAL) == before


def test_beside_the_main_thread_nothing_is_cut(tmp_path: Path) -> None:
    stop = Event()
    found = []

    def run() -> None:
        local = Local(declared(endless, ""), stop)
        found.append(local.step(task(tmp_path / "0"), 1))
        local.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert isinstance(found[0], Step)


def falling(lr: float = 0.1, *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    """Tells the process that it runs in; fails, or ends early, where its rate says so."""
    for epoch in range(1, epochs + 1):
        if lr > 1 and epoch == 2:
            raise ValueError("too fast")
        if lr > 0.5 and epoch == 3:
            return
        yield {"validation_loss": lr / epoch, "process": float(os.getpid())}


def test_calls_in_workers_end_as_they_do_here(tmp_path: Path) -> None:
    function = by_value(falling)
    here, there = Local(function, Event()), Cluster(function, 2, None, Event(), tmp_path / "work")
    try:
        rates = (0.1, 0.7, 2.0, 0.2)
        tasks = [task(tmp_path / "there" / str(lr), lr=lr) for lr in rates]
        there.expect(tasks, 4)
        for own in tasks:
            mine = task(tmp_path / "here" / own.folder.name, lr=own.settings["lr"])
            assert there.first(own) == here.first(mine)
            for epoch in range(1, 6):
                theirs, ours = there.step(own, epoch), here.step(mine, epoch)
                if isinstance(ours, Step):
                    assert isinstance(theirs, Step)
                    loss = ours.metrics["validation_loss"]
                    assert (theirs.epoch, theirs.metrics["validation_loss"]) == (epoch, loss)
                    assert theirs.metrics["process"] != os.getpid()
                elif isinstance(ours, Failure):
                    assert isinstance(theirs, Failure)
                    assert theirs.line == ours.line == "ValueError: too fast"
                else:
                    assert isinstance(ours, End)
                    assert theirs == ours
        processes = {there.step(own, 1).metrics["process"] for own in tasks}  # type: ignore[union-attr]
        assert len(processes) == 2
    finally:
        there.close()
        here.close()
    assert not (tmp_path / "work").exists()


def descent(lr: float = 0.1, *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    """Steps of least squares, whose sums would differ in the last digit for other threads."""
    import numpy as np

    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(4000, 300)), np.zeros(300)
    target = x @ rng.normal(size=300)
    for _ in range(epochs):
        time.sleep(0.11)  # a task for each epoch
        residual = x @ w - target
        w -= lr * (x.T @ residual) / len(target)
        yield {"validation_loss": float(residual @ residual), "process": float(os.getpid())}


def test_calls_that_move_to_a_worker_which_has_none_keep_their_numbers(tmp_path: Path) -> None:
    function = by_value(descent)
    here, there = Local(function, Event()), Cluster(function, 2, None, Event(), tmp_path / "work")

    def process(own: Task, epoch: int) -> float:
        came = there.step(own, epoch)
        assert isinstance(came, Step)
        return came.metrics["process"]

    try:
        tasks = [task(tmp_path / str(lr), lr=lr, epochs=8) for lr in (0.1, 0.2, 0.3, 0.4)]
        there.expect(tasks, 2)
        first = {own.key: process(own, 2) for own in tasks}
        leave = next(iter(first.values()))
        left = [own for own in tasks if first[own.key] == leave]
        for own in tasks:
            if own not in left:
                there.drop(own)
        there.expect(left, 8)
        assert len(left) == 2
        assert len({process(own, 8) for own in left}) == 2
        for own in left:
            mine = task(tmp_path / "here" / own.folder.name, lr=own.settings["lr"], epochs=8)
            for epoch in range(1, 9):
                theirs, ours = there.step(own, epoch), here.step(mine, epoch)
                assert isinstance(theirs, Step)
                assert isinstance(ours, Step)
                assert theirs.metrics["validation_loss"] == ours.metrics["validation_loss"]
    finally:
        there.close()
        here.close()


def deadly(lr: float = 0.1, *, epochs: int) -> Iterator[dict[str, float]]:
    """Ends its process in the second epoch, where its rate says so."""
    for epoch in range(1, epochs + 1):
        if lr > 1 and epoch == 2:
            os._exit(7)
        yield {"validation_loss": lr / epoch}


@pytest.mark.slow
def test_a_call_that_ends_its_worker_again_and_again_fails_and_others_go_on(
    tmp_path: Path,
) -> None:
    there = Cluster(by_value(deadly), 2, None, Event(), tmp_path / "work")
    line = "ended its worker's process 3 times, after epoch 1: the process ended with exit code 7"
    try:
        tasks = [task(tmp_path / str(lr), lr=lr, epochs=6) for lr in (0.1, 2.0, 3.0, 0.2)]
        there.expect(tasks, 6)
        for own in tasks:
            came = there.step(own, 6)
            if own.settings["lr"] > 1:
                assert came == Failure(line, line)
                assert (own.folder / "traceback.txt").read_text() == line + "\n"
            else:
                assert came == Step(6, {"validation_loss": own.settings["lr"] / 6})
    finally:
        there.close()


def by_value(call: Callable[..., Any]) -> Function:
    """A function as one of a script, whose module workers cannot import."""
    call.__module__ = "__main__"
    return declared(call, "python train.py")


def test_without_dask_one_line_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        code = main([f"root={tmp_path / 'root'}", "workers=2"], declared(endless, "python t.py"))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    *_, line = capsys.readouterr().err.splitlines()
    assert code == 2
    assert line.startswith("tuner: workers: 2: needs tuner[dask]")
    assert not (tmp_path / "root").exists()


def test_a_function_that_cannot_be_sent_is_refused() -> None:
    lock = threading.Lock()

    def train(lr: float = 0.1, *, epochs: int) -> Iterator[dict[str, float]]:
        with lock:
            yield {}

    function = declared(train, "python train.py")
    with pytest.raises(UserError, match=r"^workers: 2: train\(\) cannot be sent .*lock"):
        checks.check_sent(function, "workers: 2", "workers=1")


def test_how_a_process_ended_is_said_in_words() -> None:
    assert how(3) == "ended with exit code 3"
    assert how(-signal.SIGSEGV) == "was ended by signal SIGSEGV"
    assert how(-signal.SIGKILL).endswith("is the memory full?")
