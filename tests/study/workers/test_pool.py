"""Promises of workers that train populations: the numbers of threads, whoever dies or is late."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port
from tests.study.calls.test_workers import alive, until, workers_of
from tuner.study.runners.spread import Bounds, shares

# Structures, folds, dropout, averages, several optimizers, and rates that diverge.
MIXED = (
    *("data=breast_cancer", "data.folds=2", "optimizer=[adam,sgd,muon]", "schedule=[cosine,step]"),
    *("model.mlp.hidden={choices: [[8], [16, 8]]}", "model.mlp.dropout={low: 0, high: 0.3}"),
    *("optimizer.sgd.lr={low: 0.01, high: 1e30, scale: log}", "optimizer.adam.ema=0.9"),
    *("metric=accuracy", "pruner.first_rung=0.2", "study.cohort=10", "budget.trials=20"),
)
SMALL = ("tracking=none", "quiet=true", "budget.epochs=8", "confirm.top=2", "confirm.seeds=3")
# Some seconds of training, so that something can happen meanwhile.
LONG = (
    *("data=digits", "model.mlp.hidden=[256,128]", "budget.trials=6", "study.cohort=6"),
    *("budget.epochs=100", "confirm.top=0", "checkpoint.seconds=0.1", "pruner=none"),
)
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Begins a command, or a program of Dask, in an empty folder."""
    started = []

    def begin(*settings: str, module: str = "tuner") -> "subprocess.Popen[str]":
        given = (*SMALL, *settings) if module == "tuner" else settings
        process = subprocess.Popen(
            [sys.executable, "-m", module, *given],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if module == "tuner" else subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def ended(process: "subprocess.Popen[str]") -> str:
    said, errors = process.communicate(timeout=600)
    assert process.returncode == 0, said + errors
    return errors


def result(folder: Path, name: str) -> Any:
    text = (folder / f"mlruns/studies/{name}/result.json").read_text(encoding="utf-8")
    return {**json.loads(text)["result"], "study": ""}


@pytest.mark.parametrize(("rows", "slots"), [(1, 4), (3, 2), (16, 2), (64, 2), (50, 1), (1000, 7)])
def test_every_row_is_in_one_share_and_no_slot_is_idle(rows: int, slots: int) -> None:
    found = shares(rows, slots)
    assert [row for start, stop in found for row in range(start, stop)] == list(range(rows))
    assert min(rows, slots) <= len(found) <= max(slots, 3 * slots)
    sizes = [stop - start for start, stop in found]
    assert max(sizes) - min(sizes) <= 1


def test_all_rows_of_a_race_meet_at_the_same_bounds() -> None:
    bounds = Bounds({})
    bounds.rows = {"a": 8, "b": 4}
    assert bounds.after(0, 30, slots=2) == 1  # of what nobody knows the cost of, one epoch
    bounds.seconds.update(a=0.25, b=0.5)
    assert bounds.after(1, 30, slots=2) == 3  # an epoch takes two workers 2 s
    bounds.seconds.update(a=1e-6, b=1e-6)
    assert [bounds.after(0, 30, 2), bounds.after(1, 30, 2)] == [1, 3]
    assert bounds.after(3, 30, slots=2) == 30


@pytest.mark.slow
def test_a_result_is_the_same_for_threads_and_any_number_of_workers(
    start: Start, tmp_path: Path
) -> None:
    ended(start("study.name=threads", *MIXED))
    for workers in (1, 3):
        name = f"study.name=dask{workers}"
        ended(start(name, "executor=dask", f"workers={workers}", *MIXED))
        assert result(tmp_path, f"dask{workers}") == result(tmp_path, "threads")
    states = {trial["state"] for trial in result(tmp_path, "threads")["all"]}
    assert states >= {"COMPLETE", "PRUNED", "DIVERGED"}


@pytest.mark.slow
def test_workers_and_the_command_are_killed_at_random_and_nothing_is_lost(
    start: Start, tmp_path: Path
) -> None:
    ended(start("study.name=threads", *LONG))
    rng = random.Random(0)
    process = start("study.name=dask", "executor=dask", "workers=2", *LONG)
    for _ in range(2):
        until(lambda: len(workers_of(process)) == 2, 200)
        time.sleep(rng.uniform(0, 2))
        until(lambda: len(workers_of(process)) == 2, 200)
        os.kill(rng.choice(workers_of(process)), signal.SIGKILL)
    until(lambda: list(tmp_path.glob("mlruns/studies/dask/checkpoints/0*")), 200)
    left = workers_of(process)
    process.kill()
    until(lambda: not any(map(alive, left)), seconds=30)
    # It goes on from where the workers had come to, in threads, and then in workers again.
    assert process.wait() == -signal.SIGKILL
    threads = start("study.name=dask", *LONG)
    time.sleep(rng.uniform(2, 5))
    threads.send_signal(signal.SIGTERM)
    threads.communicate(timeout=120)
    ended(start("study.name=dask", "executor=dask", "workers=2", *LONG))
    assert result(tmp_path, "dask") == result(tmp_path, "threads")


@pytest.mark.slow
def test_a_signal_ends_the_command_and_its_workers_within_seconds(start: Start) -> None:
    process = start("study.name=dask", "executor=dask", "workers=2", *LONG, "budget.epochs=9999")
    until(lambda: len(workers_of(process)) == 2, 200)
    time.sleep(3)
    own = workers_of(process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "Traceback" not in errors
    assert not any(map(alive, own))


@pytest.mark.slow
def test_workers_of_an_address_may_come_late_and_go(start: Start, tmp_path: Path) -> None:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    given = (f"executor.address={address}", "quiet=false", "log=plain", *LONG)
    refused = start("study.name=dask", *given)
    _, errors = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "no scheduler answers" in errors
    assert not (tmp_path / "mlruns").exists()
    served = ("--port", str(port), "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
    scheduler = start(*served, module="distributed.cli.dask_scheduler")
    time.sleep(2)
    process = start("study.name=dask", *given)
    assert process.stderr is not None
    waiting = next(line for line in process.stderr if "waiting" in line)
    assert f"waiting for 1 worker at {address}" in waiting
    ours = (address, "--no-nanny", "--nthreads", "1", "--no-dashboard")
    first = start(*ours, module="distributed.cli.dask_worker")
    next(line for line in process.stderr if "Dask: 1 worker" in line)
    time.sleep(2)
    start(*ours, module="distributed.cli.dask_worker")
    next(line for line in process.stderr if "2 workers" in line)
    first.kill()
    assert "Traceback" not in ended(process)
    ended(start("study.name=threads", *LONG))
    assert result(tmp_path, "dask") == result(tmp_path, "threads")
    # Without its scheduler a command ends with a line, and the same command continues.
    cut = start("study.name=cut", *given, "budget.epochs=9999")
    assert cut.stderr is not None
    next(line for line in cut.stderr if "Dask:" in line)
    scheduler.kill()
    _, errors = cut.communicate(timeout=60)
    assert cut.returncode == 1
    assert "the scheduler is gone" in errors
    assert "Traceback" not in errors
