"""Calls in a worker process of Dask, where live generators are a cache.

A task steps one call through some epochs, and may be run again at any time, here or elsewhere:
what a call has yielded stands in its log.
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

# Seconds that a task steps a call where its epochs are shorter: a task costs some milliseconds.
AT_LEAST = 0.1


@dataclass(frozen=True)
class Batch:
    """What a task has found.

    Attributes:
        worker: the name of the one that it ran on.
        since: how many mappings were known before.
        initial: what the call knows before its first epoch.
        steps: the mappings of the epochs after these.
        over: how the call ended, None where it has not.
        broken: why the function cannot be loaded, "" where it can.
    """

    worker: str
    since: int
    initial: Step | None = None
    steps: tuple[Step, ...] = ()
    over: End | Failure | None = None
    broken: str = ""


class Here:
    """What this worker has, beside the calls.

    Attributes:
        name: of the worker.
        code: the function, pickled; None before there is one.
        threads: of libraries, as `limited` has them.
        function: it, loaded.
        mark: the file that names the call under way, None where nobody asks.
        calls: that are alive, by their key.
        busy: held while one of them is stepped.
        thread: that steps, None while none does.
        main: whether it is the main one.
        ending: whether nothing more is begun.
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
        """The function; in the thread that steps, for what it imports may take long."""
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
        """Takes the signal that cuts the user's code, as `signal.signal` wants it."""
        if self.thread is not None:
            raise Cut

    def cut(self) -> None:
        """Cuts what is under way, from another thread."""
        thread = self.thread
        if thread is not None and self.main:
            signal.pthread_kill(thread, SIGNAL)
        elif thread is not None:
            cut(thread)

    @contextmanager
    def under_way(self, key: str) -> Iterator[None]:
        """The user's code of a call runs: whoever finds this process dead knows of which."""
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
    """Brings the function to a worker, also to one that comes late or again.

    Args:
        code: the function, pickled.
        threads: of libraries, as `limited` has them.
        path: where the command imports from.
        folder: of the workers.
    """

    def __init__(self, code: bytes, threads: int | None, path: Sequence[str], folder: Path) -> None:
        self.code, self.threads, self.path, self.folder = code, threads, list(path), folder

    def setup(self, worker: Any) -> None:
        """Dask calls it on each worker before any task."""
        HERE.name, HERE.code, HERE.threads = str(worker.name), self.code, self.threads
        sys.path += [entry for entry in self.path if entry not in sys.path]
        mark = self.folder / UNDER_WAY.format(worker.name)
        HERE.mark = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)


def advance(task: Task, since: int, target: int, *before: object) -> Batch:
    """Steps a call up to an epoch, or for a moment: at least through one epoch.

    Args:
        task: of the call.
        since: how many of its mappings are known.
        target: the epoch to come to.
        before: the task before it, which is over.
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
                # Only its log was read: another worker may go on with it.
                close(task.key)
        return Batch(HERE.name, since, call.initial, tuple(call.steps[since:]), call.over)


def held_back(keys: Sequence[str], dask_scheduler: Any = None) -> list[str]:
    """Which of these tasks wait for a worker that is not there, or for others that do.

    Run by Dask's scheduler, which gives itself.
    """

    def is_held(known: Any) -> bool:
        waits = known.state == "waiting"
        return known.state == "no-worker" or (waits and any(map(is_held, known.dependencies)))

    tasks = dask_scheduler.tasks
    return [key for key in keys if key in tasks and is_held(tasks[key])]


def step(call: Call, since: int, target: int) -> None:
    """Steps a call, through one epoch or as many as a moment has, but not beyond the target."""
    if len(call.steps) > since:
        return  # this task was run before, and its result was lost
    begun, end = len(call.steps), time.monotonic() + AT_LEAST
    call.first()
    while call.over is None and (len(call.steps) < target or target == call.task.epochs):
        if len(call.steps) > begun and time.monotonic() >= end:
            return
        call.step(min(len(call.steps) + 1, target))


def drop(key: str) -> None:
    """Ends a call that is not asked any more, if it is here."""
    with HERE.busy:
        close(key)


def close(key: str) -> None:
    """Closes the generator of a call, whose `finally` runs, and its files."""
    call = HERE.calls.pop(key, None)
    if call is not None:
        with HERE.under_way(key), descriptors(call), suppress(Cut):
            call.close()


async def end() -> None:
    """Ends all calls: one that is under way has some seconds for its epoch, and is cut then."""
    HERE.ending = True
    await asyncio.to_thread(end_all)


def end_all() -> None:
    """What `end` does beside the thread of the worker's tasks."""
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
    """While a call is under way: what is printed by other languages goes to its file, too."""
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
