"""Promises of the process beside a study: it calls what it is given, and ends with the study."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuner.jobs._aside import Aside

ABSENT = ["this"]  # a module of Python's that nobody has imported

STUDY = """
import os, time
from tuner.jobs._aside import Aside
aside = Aside(["this"])
aside.prepare()
aside.begin(os.getpid)
print(aside.result(), flush=True)
aside.begin(time.sleep, 60)
time.sleep(60)
"""


def test_calls_are_made_in_another_process_one_after_another() -> None:
    with Aside(ABSENT) as aside:
        aside.prepare()
        for _ in range(2):
            aside.begin(os.getpid)
            assert aside.result() != os.getpid()


def test_what_a_call_raises_is_raised_here() -> None:
    with Aside(ABSENT) as aside:
        aside.prepare()
        aside.begin(int, "ten")
        with pytest.raises(ValueError, match="ten"):
            aside.result()


def test_without_preparation_calls_are_made_here() -> None:
    with Aside(ABSENT) as aside:
        aside.begin(os.getpid)
        assert aside.result() == os.getpid()


def test_it_is_prepared_once() -> None:
    with Aside(ABSENT) as aside:
        aside.prepare()
        first = aside.process
        aside.prepare()
        assert aside.process is first


def test_where_all_is_imported_already_there_is_no_other_process() -> None:
    with Aside(["os", "sys"]) as aside:
        aside.prepare()
        aside.begin(os.getpid)
        assert aside.result() == os.getpid()


@pytest.mark.parametrize("begun", [True, False])
def test_calls_are_made_here_when_the_other_process_was_killed(begun: bool) -> None:
    with Aside(ABSENT) as aside:
        aside.prepare()
        assert aside.process is not None
        if begun:
            aside.begin(os.getpid)
        aside.process.kill()
        aside.process.wait()
        if not begun:
            aside.begin(os.getpid)
        assert aside.result() == os.getpid()


def test_it_does_not_outlive_a_study_that_is_killed(repository: Path) -> None:
    study = subprocess.Popen(
        [sys.executable, "-c", STUDY], stdout=subprocess.PIPE, text=True, cwd=repository
    )
    with study:
        assert study.stdout is not None
        number = int(study.stdout.readline())
        study.kill()
    last = time.monotonic() + 10
    while Path(f"/proc/{number}").exists():
        assert time.monotonic() < last
        time.sleep(0.05)
