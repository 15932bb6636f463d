"""Calls in a Dask worker process, where live generators are a cache.

A task steps one call through some epochs. It may run again at any time, on any worker, because the
log of a call holds all that it has yielded.
"""

import asyncio
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any

from distributed import WorkerPlugin

from tuner.function import Function
from tuner.study.calls.call import Call, End, Failure, Step, Task
from tuner.study.calls.cutting import AGAIN, PATIENCE, SIGNAL, Cut, cut
from tuner.study.calls.limits import limited
from tuner.study.workers.hiring import UNDER_WAY

# Seconds for which a task steps a call with short epochs, because each task costs milliseconds.
AT_LEAST = 0.1


@dataclass(frozen=True)
class Batch:
    """The result of a task.

    Attributes:
        worker: the name of the worker that ran it.
        since: the number of epochs known before.
        initial: what the call yielded before its first epoch.
        steps: the steps of the epochs after `since`.
        over: how the call ended; None if it has not.
        broken: why the function cannot be loaded; "" if it can.
    """

    worker: str
    since: int
    initial: Step | None = None
    steps: tuple[Step, ...] = ()
    over: End | Failure | None = None
    broken: str = ""


class Here:
    """The state of this worker process.

    Attributes:
        name: the worker's name.
        code: the pickled function; None before it has arrived.
        threads: the thread limit of libraries (see `limited`).
        function: the loaded function.
        mark: the descriptor of the file that names the running call; None if there is no file.
        calls: the live calls by key.
        busy: held while a call is stepped.
        thread: the id of the thread that steps a call; None while none does.
        main: whether that is the main thread.
        ending: whether the worker is ending and begins nothing more.
    """

    name: str = ""
    code: bytes | None = None
    threads: int | None = None
    function: Function | None = None
    mark: int | None = None
    calls: dict[str, Call]
    busy: Lock
    thread: int | None = None
    main: bool = False
    ending: bool = False

    def __init__(self) -> None:
        self.calls, self.busy = {}, Lock()

    def load(self) -> Function:
        """Loads the function, in the thread that steps, because its imports may take long."""
        if self.function is None:
            import cloudpickle

            self.main = threading.current_thread() is threading.main_thread()
            if self.main:
                signal.signal(SIGNAL, self.receive)

            assert self.code is not None
            self.function = cloudpickle.loads(self.code)
            limited(self.threads)
        return self.function

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signal that interrupts user code."""
        if self.thread is not None:
            raise Cut

    def cut(self) -> None:
        """Interrupts the running call, from another thread."""
        thread = self.thread
        if thread is not None and self.main:
            signal.pthread_kill(thread, SIGNAL)
        elif thread is not None:
            cut(thread)

    @contextmanager
    def under_way(self, key: str) -> Iterator[None]:
        """Marks which call's user code is running, in case this process dies in it."""
        self.thread = threading.get_ident()
        if self.mark is not None:
            text = key.encode("utf-8", "surrogateescape")
            os.pwrite(self.mark, text, 0)
            os.ftruncate(self.mark, len(text))
        try:
            yield
        finally:
            self.thread = None
            if self.mark is not None:
                os.ftruncate(self.mark, 0)


HERE = Here()


class Carried(WorkerPlugin):
    """Brings the function to every worker, including late and restarted ones.

    Args:
        code: the pickled function.
        threads: the thread limit of libraries (see `limited`).
        path: the command's import path.
        folder: the folder of the workers.
    """

    def __init__(self, code: bytes, threads: int | None, path: Sequence[str], folder: Path) -> None:
        self.code, self.threads, self.path, self.folder = code, threads, list(path), folder

    def setup(self, worker: Any) -> None:
        """Dask calls this on each worker before any task."""
        HERE.name, HERE.code, HERE.threads = str(worker.name), self.code, self.threads
        sys.path += [entry for entry in self.path if entry not in sys.path]
        mark = self.folder / UNDER_WAY.format(worker.name)
        HERE.mark = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)


def advance(task: Task, since: int, target: int, *before: object) -> Batch:
    """Steps a call to an epoch, or for AT_LEAST seconds: at least through one epoch.

    Args:
        task: the call's task.
        since: the number of its known epochs.
        target: the epoch to reach.
        before: the result of the Dask task before this one.
    """
    for own in before:
        if isinstance(own, Batch):
            since = max(since, own.since + len(own.steps))
    with HERE.busy:
        if HERE.ending:
            return Batch(HERE.name, since)
        with HERE.under_way(task.key):
            try:
                function = HERE.load()
            except Exception as error:
                said = " ".join(str(error).split())
                return Batch(HERE.name, since, broken=f"{type(error).__name__}: {said}")
            call = HERE.calls.get(task.key)
            if call is None:
                call = HERE.calls[task.key] = Call(function, task)
            with descriptors(call), suppress(Cut):
                step(call, since, target)
            if call.generator is None:
                # Only its log was read: another worker may continue it.
                close(task.key)
        return Batch(HERE.name, since, call.initial, tuple(call.steps[since:]), call.over)


def held_back(keys: Sequence[str], dask_scheduler: Any = None) -> list[str]:
    """Which of these tasks wait, directly or indirectly, for a worker that is gone.

    Dask's scheduler runs this function and passes itself.
    """

    def is_held(known: Any) -> bool:
        waits = known.state == "waiting"
        return known.state == "no-worker" or (waits and any(map(is_held, known.dependencies)))

    tasks = dask_scheduler.tasks
    return [key for key in keys if key in tasks and is_held(tasks[key])]


def step(call: Call, since: int, target: int) -> None:
    """Steps a call through at least one epoch, for AT_LEAST seconds, but not beyond the target."""
    if len(call.steps) > since:
        return  # an earlier run of this task lost its result
    begun, end = len(call.steps), time.monotonic() + AT_LEAST
    call.first()
    while call.over is None and (len(call.steps) < target or target == call.task.epochs):
        if len(call.steps) > begun and time.monotonic() >= end:
            return
        call.step(min(len(call.steps) + 1, target))


def drop(key: str) -> None:
    """Ends a call that will not be stepped any more, if it is on this worker."""
    with HERE.busy:
        close(key)


def close(key: str) -> None:
    """Closes the generator of a call, which runs its `finally` blocks, and its files."""
    call = HERE.calls.pop(key, None)
    if call is not None:
        with HERE.under_way(key), descriptors(call), suppress(Cut):
            call.close()


async def end() -> None:
    """Ends all calls; a running one has PATIENCE seconds for its epoch and is then interrupted."""
    HERE.ending = True
    await asyncio.to_thread(end_all)


def end_all() -> None:
    """The work of `end`, outside the thread of the worker's tasks."""
    own = HERE.busy.acquire(timeout=PATIENCE)
    for _ in range(2):
        if not own:
            HERE.cut()
            own = HERE.busy.acquire(timeout=AGAIN)
    if own:
        for key in list(HERE.calls):
            close(key)
        HERE.busy.release()


@contextmanager
def descriptors(call: Call) -> Iterator[None]:
    """While a call runs, output of non-Python code goes to its file, too."""
    libc = ctypes.CDLL(None)
    kept = os.dup(1), os.dup(2)
    try:
        for own in (1, 2):
            os.dup2(call.output.fileno(), own)
        yield
    finally:
        libc.fflush(None)
        for own, before in zip((1, 2), kept, strict=True):
            os.dup2(before, own)
            os.close(before)
