"""Promises of the process beside a study: it calls what it is given, and ends with the study."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.gone import wait_until_gone
from tuner.processes import children
from tuner.processes.background import Background
from tuner.processes.deadline import Deadline
from tuner.processes.early import Server

ABSENT = ["this"]  # a module of Python's that nobody has imported

STUDY = """
import os, time
from tuner.processes.background import Background
from tuner.processes.deadline import Deadline
background = Background(["this"])
background.prepare()
background.begin(os.getpid)
print(background.result(Deadline()), flush=True)
background.begin(time.sleep, 60)
time.sleep(60)
"""


def test_calls_are_made_in_another_process_one_after_another() -> None:
    with Background(ABSENT) as background:
        background.prepare()
        for _ in range(2):
            background.begin(os.getpid)
            assert background.result(Deadline()) != os.getpid()


def test_what_a_call_raises_is_raised_here() -> None:
    with Background(ABSENT) as background:
        background.prepare()
        background.begin(int, "ten")
        with pytest.raises(ValueError, match="ten"):
            background.result(Deadline())


def test_without_preparation_calls_are_made_here() -> None:
    with Background(ABSENT) as background:
        background.begin(os.getpid)
        assert background.result(Deadline()) == os.getpid()


def test_it_is_prepared_once() -> None:
    with Background(ABSENT) as background:
        background.prepare()
        first = background.process
        background.prepare()
        assert background.process is first


def test_where_all_is_imported_already_there_is_no_other_process() -> None:
    with Background(["os", "sys"]) as background:
        background.prepare()
        background.begin(os.getpid)
        assert background.result(Deadline()) == os.getpid()


def test_calls_that_are_begun_at_once_have_their_results_in_order() -> None:
    with Background(ABSENT) as background:
        background.prepare()
        for size in (1_000_000, 1, 2):
            background.begin(len, bytes(size))
        background.begin(os.getpid)
        assert [background.result(Deadline()) for _ in range(3)] == [1_000_000, 1, 2]
        assert background.result(Deadline()) != os.getpid()


def test_what_the_first_of_two_calls_raises_leaves_the_second_alone() -> None:
    with Background(ABSENT) as background:
        background.prepare()
        background.begin(int, "ten")
        background.begin(os.getpid)
        with pytest.raises(ValueError, match="ten"):
            background.result(Deadline())
        assert background.result(Deadline()) != os.getpid()


@pytest.mark.parametrize("answered", [False, True])
def test_a_process_that_is_killed_leaves_what_waits_to_this_one_in_order(answered: bool) -> None:
    with Background(ABSENT) as background:
        background.prepare()
        background.begin(os.getpid)
        process = background.process
        assert process is not None
        if answered:
            assert background.result(Deadline()) == process.pid
        background.begin(time.sleep, 0.2)
        background.begin(os.getpid)
        background.begin(len, bytes(7))
        process.kill()
        results = [background.result(Deadline()) for _ in range(len(background.begun))]
        assert results[-3:] == [None, os.getpid(), 7]


def test_a_call_that_was_begun_without_a_process_is_made_here_and_not_waited_for() -> None:
    with Background(ABSENT) as background:
        background.begin(os.getpid)
        background.prepare()
        background.begin(len, bytes(3))
        began = time.monotonic()
        assert background.result(Deadline(5)) == os.getpid()
        assert background.result(Deadline(5)) == 3
        assert time.monotonic() - began < 4


def test_calls_are_made_here_where_no_process_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: object, **pipes: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(children, "start", refuse)
    with Background(ABSENT) as background:
        background.prepare()
        background.begin(os.getpid)
        assert background.result(Deadline()) == os.getpid()


@pytest.fixture
def host() -> Iterator[Server]:
    """A process that is there for something else."""
    server = Server("tuner.processes.background", *ABSENT)
    yield server
    server.kill()
    server.end()
    server.calls.close()


def test_a_process_that_is_there_for_something_else_makes_the_calls(host: Server) -> None:
    hosts = iter([None, host])
    with Background(ABSENT, lambda: next(hosts)) as background:
        background.prepare()  # it is not there yet
        background.begin(os.getpid)
        assert background.result(Deadline()) == os.getpid()
        background.prepare()
        background.prepare()
        background.begin(os.getpid)
        assert background.result(Deadline()) == host.process.pid
    assert host.process.poll() is None


@pytest.mark.parametrize(("ending", "seconds"), [(signal.SIGSTOP, 0.5), (signal.SIGKILL, 60.0)])
def test_calls_are_made_here_when_a_host_is_stopped_or_killed(
    ending: int, seconds: float, host: Server
) -> None:
    with Background(ABSENT, lambda: host) as background:
        background.prepare()
        host.process.send_signal(ending)
        background.begin(len, bytes(1_000_000))
        assert background.result(Deadline(seconds)) == 1_000_000
        assert background.sending is not None
        background.sending.join()


def test_a_host_that_is_late_is_killed_and_never_called_again(host: Server) -> None:
    """Two processes would write the same files at once, and a late answer be taken for another."""
    with Background(ABSENT, lambda: host) as background:
        background.prepare()
        background.begin(time.sleep, 1)
        assert background.result(Deadline(0.2)) is None
        assert host.process.returncode == -signal.SIGKILL
        background.prepare()
        background.begin(os.getpid)
        assert background.result(Deadline()) == os.getpid()


@pytest.mark.parametrize("begun", [True, False])
def test_calls_are_made_here_when_the_other_process_was_killed(begun: bool) -> None:
    with Background(ABSENT) as background:
        background.prepare()
        assert background.process is not None
        if begun:
            background.begin(os.getpid)
        background.process.kill()
        background.process.wait()
        if not begun:
            background.begin(os.getpid)
        assert background.result(Deadline()) == os.getpid()


@pytest.mark.parametrize("size", [1, 10_000_000])
def test_calls_are_made_here_when_the_other_process_is_stopped(size: int) -> None:
    with Background(ABSENT) as background:
        background.prepare()
        assert background.process is not None
        background.process.send_signal(signal.SIGSTOP)
        background.begin(len, bytes(size))
        assert background.result(Deadline(0.5)) == size
        assert background.process is None


def test_a_block_that_ends_does_not_wait_for_a_call_that_was_begun() -> None:
    with Background(ABSENT) as background:
        background.prepare()
        background.begin(time.sleep, 60)
        process = background.process
    assert process is not None
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("stopped", [False, True])
def test_it_does_not_outlive_a_study_that_is_killed(repository: Path, stopped: bool) -> None:
    study = subprocess.Popen(
        [sys.executable, "-c", STUDY], stdout=subprocess.PIPE, text=True, cwd=repository
    )
    with study:
        assert study.stdout is not None
        number = int(study.stdout.readline())
        if stopped:
            os.kill(number, signal.SIGSTOP)
        study.kill()
    wait_until_gone(number, 10)


def test_it_is_idle_once_the_one_call_that_was_begun_is_answered() -> None:
    with Background(ABSENT) as background:
        background.begin(os.getpid)
        assert not background.idle  # there is no other process
        background.result(Deadline())
        background.prepare()
        assert not background.idle
        background.begin(time.sleep, 0.5)
        assert not background.idle
        last = time.monotonic() + 60
        while not background.idle:
            assert time.monotonic() < last
            time.sleep(0.05)
        background.begin(os.getpid)
        assert not background.idle
        assert background.result(Deadline()) is None
        assert background.result(Deadline()) != os.getpid()
