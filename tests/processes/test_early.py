"""Promises of the process that a command starts early: who needs it has it, and it never stays."""

import errno
import os
import signal
import subprocess
import sys
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from threading import Thread

import pytest

from tests.processes.gone import wait_until_gone
from tuner.processes import children
from tuner.processes.early import Server, early, taken

MODULE = "tests.processes.echo"

COMMAND = """
import os, sys, time
from tuner.processes.early import early, taken
with early("tests.processes.echo"):
    server = taken("tests.processes.echo")
    if "awake" in sys.argv:
        server.say("awake")
        server.answer()
    print(server.process.pid, flush=True)
    time.sleep(60)
"""


def over(server: Server) -> None:
    """Ends a server."""
    server.kill()
    server.end()
    server.calls.close()


def taken_here() -> Server:
    """The early server, which is there."""
    server = taken(MODULE)
    assert server is not None
    return server


def test_it_answers_lines_with_lines_and_takes_calls_beside_them() -> None:
    server = Server(MODULE, "said:")
    try:
        server.say("one")
        server.calls.send_bytes(ForkingPickler.dumps((os.getpid, (), True)))
        server.say("two")
        assert [server.answer() for _ in range(2)] == ["said: one\n", "said: two\n"]
        assert server.calls.recv() == (True, server.process.pid)
    finally:
        server.end()
        server.calls.close()
    assert server.process.returncode == 0


def test_one_that_is_gone_answers_nothing_and_hears_nothing() -> None:
    server = Server(MODULE)
    server.kill()
    assert server.process.returncode == -signal.SIGKILL
    assert server.answer() == ""
    with pytest.raises(BrokenPipeError):
        server.say("is anybody there?")
    over(server)


def test_the_first_who_asks_for_its_module_has_it_and_keeps_it() -> None:
    with early(MODULE):
        assert taken("another.module") is None
        server = taken_here()
        assert taken(MODULE) is None
    assert server.process.poll() is None
    server.say("still there")
    assert server.answer() == " still there\n"
    over(server)


@pytest.mark.parametrize("fails", [False, True])
def test_one_that_nobody_took_ends_with_the_block(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[str]] = []
    start = children.start

    def noted(*arguments: object, **pipes: object) -> "subprocess.Popen[str]":
        started.append(start(*arguments, **pipes))  # type: ignore[arg-type]
        return started[-1]

    monkeypatch.setattr(children, "start", noted)
    try:
        with early(MODULE):
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert [process.returncode for process in started] == [-signal.SIGKILL]
    assert taken(MODULE) is None


def test_without_arguments_or_processes_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **pipes: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(children, "start", refuse)
    with early():
        assert taken(MODULE) is None
    with early(MODULE):
        assert taken(MODULE) is None


def test_a_block_within_another_has_its_own() -> None:
    with early(MODULE, "outer"):
        with early(MODULE, "inner"):
            inner = taken_here()
            assert taken(MODULE) is None
        outer = taken_here()
        for server, said in ((inner, "inner 1\n"), (outer, "outer 1\n")):
            server.say("1")
            assert server.answer() == said
            over(server)


def test_a_study_in_another_thread_does_not_take_it() -> None:
    found: list[Server | None] = []
    with early(MODULE):
        thread = Thread(target=lambda: found.append(taken(MODULE)))
        thread.start()
        thread.join()
        assert found == [None]
        over(taken_here())


@pytest.mark.parametrize("state", ["awake", "still importing"])
def test_it_does_not_outlive_a_command_that_is_killed(repository: Path, state: str) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, state], stdout=subprocess.PIPE, text=True, cwd=repository
    )
    with command:
        assert command.stdout is not None
        number = int(command.stdout.readline())
        if state == "awake":
            os.kill(number, signal.SIGSTOP)
        command.kill()
    wait_until_gone(number, 20)
