"""Promises of the process beside a study: it calls what it is given, and ends with the study."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuner.processes.background import Background
from tuner.processes.deadline import Deadline

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


def test_a_process_that_is_there_for_something_else_makes_the_calls() -> None:
    with Background(ABSENT) as of_another:
        of_another.prepare()
        hosts = iter([None, of_another.pipe])
        with Background(ABSENT, lambda: next(hosts)) as background:
            background.prepare()  # it is not there yet
            background.begin(os.getpid)
            assert background.result(Deadline()) == os.getpid()
            background.prepare()
            background.prepare()
            background.begin(os.getpid)
            assert of_another.process is not None
            assert background.result(Deadline()) == of_another.process.pid
        of_another.begin(os.getpid)  # nobody has ended it
        assert of_another.result(Deadline()) != os.getpid()


@pytest.mark.parametrize(("ending", "seconds"), [(signal.SIGSTOP, 0.5), (signal.SIGKILL, 60.0)])
def test_calls_are_made_here_when_a_host_is_stopped_or_killed(ending: int, seconds: float) -> None:
    with Background(ABSENT) as of_another:
        of_another.prepare()
        assert of_another.process is not None
        with Background(ABSENT, lambda: of_another.pipe) as background:
            background.prepare()
            of_another.process.send_signal(ending)
            background.begin(len, bytes(1_000_000))
            assert background.result(Deadline(seconds)) == 1_000_000
        of_another.process.kill()  # which ends what is still sent, as the end of a writer does
        assert background.sending is not None
        background.sending.join()


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
    last = time.monotonic() + 10
    while Path(f"/proc/{number}").exists():
        assert time.monotonic() < last
        time.sleep(0.05)
